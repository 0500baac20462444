"""Stored properties of pip: reused until something that they depend on changes."""

from __future__ import annotations

import os

import pytest

from envmgr.catalog.sources import pip_info, pip_query
from envmgr.catalog.sources.pip_info import PipInfo
from envmgr.kit.environment import Environment

INFO = PipInfo((("user", "/h/pip.conf"),), "https://default.example/simple")


class Queries:
    """A query of pip that counts its calls."""

    def __init__(self):
        self.count = 0

    def __call__(self, _variables):
        self.count += 1
        return INFO


@pytest.fixture
def load(tmp_path):
    """Return a function that loads pip's properties, with its query."""
    queries = Queries()

    def run(**variables):
        environment = Environment({"HOME": "/h", **variables}, str(tmp_path))
        return pip_info.load(environment, str(tmp_path / "pip.json"), queries)

    run.queries = queries
    return run


def test_pip_is_queried_once(load):
    first, second = load(), load(PATH="/other")
    assert first == second
    assert (first.files, first.default_index, load.queries.count) == (INFO.files, INFO.default_index, 1)
    assert os.path.basename(os.path.dirname(first.program)) == "pip"


@pytest.mark.parametrize("variable", pip_info.VARIABLES)
def test_pip_is_queried_again_for_another_variable(load, variable):
    load()
    load(**{variable: "/another"})
    assert load.queries.count == 2


def test_pip_is_queried_again_after_its_upgrade(load, tmp_path, monkeypatch):
    program = tmp_path / "pip" / "__init__.py"
    program.parent.mkdir()
    program.write_text("__version__ = '1'")
    monkeypatch.setattr(pip_info, "_find_program", lambda: str(program))
    load()
    program.write_text("__version__ = '1.0'")
    load()
    assert load.queries.count == 2


@pytest.mark.parametrize("content", ["", "[]", "{", '{"key": null}', "\xff"])
def test_a_damaged_file_is_replaced(load, tmp_path, content):
    load()
    path = tmp_path / "pip.json"
    stored = path.read_text()
    path.write_bytes(content.encode("latin-1"))
    assert load().files == INFO.files
    assert path.read_text() == stored


def test_nothing_is_stored_without_the_file_of_pip(load, tmp_path, monkeypatch):
    monkeypatch.setattr(pip_info, "_find_program", lambda: "")
    assert load().program == ""
    assert not (tmp_path / "pip.json").exists()


def test_the_properties_are_those_that_pip_reports(tmp_path):
    path, environment = str(tmp_path / "pip.json"), Environment(dict(os.environ), str(tmp_path))
    queried = pip_query.query_pip(environment.variables)
    for _ in range(2):
        loaded = pip_info.load(environment, path)
        assert (loaded.files, loaded.default_index) == (queried.files, queried.default_index)

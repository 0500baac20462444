"""The environment as one value."""

from __future__ import annotations

import os
import sys

import pytest

from envmgr.kit import environment
from envmgr.kit.environment import Environment, override_variable
from envmgr.kit.errors import WorkingDirectoryMissing

HOME = "USERPROFILE" if sys.platform == "win32" else "HOME"


def test_an_empty_variable_counts_as_unset():
    values = Environment({"A": "", "B": "x"}, "/")
    assert (values.get("A"), values.get("A", "d"), values.get("B"), values.get("C")) == ("", "d", "x", "")


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("nodejs", "ENVMGR_NODEJS_VERSION"),
        ("nats-server", "ENVMGR_NATS_SERVER_VERSION"),
        ("npm:@scope/x.y", "ENVMGR_NPM__SCOPE_X_Y_VERSION"),
        ("é", "ENVMGR___VERSION"),
    ],
)
def test_overrides_are_upper_case_with_underscores(tool, name):
    assert override_variable(tool) == name
    assert Environment({name: "20"}, "/").override(tool) == "20"
    assert Environment({name: ""}, "/").override(tool) is None


def test_the_snapshot_does_not_change_with_the_process(monkeypatch):
    monkeypatch.setenv("SOME_VARIABLE", "before")
    snapshot = environment.current()
    monkeypatch.setenv("SOME_VARIABLE", "after")
    assert snapshot.get("SOME_VARIABLE") == "before"


def test_the_working_directory_comes_from_pwd(tmp_path, monkeypatch):
    real, link = tmp_path / "real", tmp_path / "link"
    (real / "inner").mkdir(parents=True)
    link.symlink_to(real)
    monkeypatch.chdir(link / "inner")
    monkeypatch.setenv("PWD", str(link / "inner"))
    assert environment.current().cwd == str(link / "inner")


@pytest.mark.parametrize("claimed", ["", "relative", "/nowhere/at/all", "/", "//"])
def test_an_incorrect_pwd_is_ignored(tmp_path, monkeypatch, claimed):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", claimed)
    assert environment.current().cwd == os.path.realpath(tmp_path)


def test_another_directory_may_be_passed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directory = os.path.realpath(tmp_path)
    assert environment.current("a/../b").cwd == os.path.join(directory, "b")
    assert environment.current(os.path.abspath("/x")).cwd == os.path.abspath("/x")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let a working directory be removed")
def test_a_removed_working_directory_is_an_error_on_use(tmp_path, monkeypatch):
    removed_directory = tmp_path / "gone"
    removed_directory.mkdir()
    monkeypatch.chdir(removed_directory)
    monkeypatch.delenv("PWD", raising=False)
    removed_directory.rmdir()
    with pytest.raises(WorkingDirectoryMissing):
        _ = environment.current().cwd
    assert environment.current("/other").cwd == "/other"


@pytest.mark.parametrize(
    ("path", "expanded"),
    [("~", "/h"), ("~/x y", "/h/x y"), ("~other/x", "~other/x"), ("a/~", "a/~"), ("", "")],
)
def test_only_the_users_own_tilde_is_expanded(path, expanded):
    assert Environment({HOME: "/h"}, "/").expand(path) == expanded


def test_home_is_determined_without_a_variable():
    assert os.path.isabs(Environment({}, "/").home)


def test_a_closed_descriptor_is_not_a_terminal(tmp_path):
    with open(tmp_path / "f", "wb") as file:
        number = file.fileno()
        assert not environment.is_terminal(number)
    assert not environment.is_terminal(number)


def test_the_interpreter_is_the_running_one():
    assert environment.python() == sys.executable

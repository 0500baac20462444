"""The key by which the GitHub Action caches envmgr and the tools."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "integrations" / "github" / "cache_key.py"


@pytest.fixture
def outputs(tmp_path, capsys):
    """Return a function that returns the outputs for a package and a project."""
    main = runpy.run_path(str(SCRIPT))["main"]
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "project" / ".envmgr").write_text("a=1\n")
    (tmp_path / "project" / ".envmgr.lock").write_text("{}\n")
    (tmp_path / "a.whl").write_text("wheel")

    def run(package="a.whl", project="project", *texts):
        options = {"directory": "~/tools", "package": tmp_path / package, "project": tmp_path / project}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        main([*words, "--prefix", "x-Linux", "--", *texts])
        return dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())

    return run


def test_the_key_is_the_same_for_the_same_content(outputs, tmp_path):
    first = outputs()
    (tmp_path / "project" / "other").write_text("x")
    assert outputs() == outputs(project="project/src") == first
    assert first["key"].startswith("x-Linux-")


@pytest.mark.parametrize("name", [".envmgr", ".envmgr.lock"])
def test_the_key_depends_on_requests_and_lock_also_of_directories_above(outputs, tmp_path, name):
    first = outputs(project="project/src")
    (tmp_path / "project" / name).write_text("changed")
    second = outputs(project="project/src")
    assert second["key"] != first["key"]
    assert second["client"] == first["client"]


def test_the_key_depends_on_each_option(outputs):
    keys = [outputs("a.whl", "project", *texts)["key"] for texts in (("a", ""), ("", "a"), ("--jobs 1", ""))]
    assert len({*keys}) == 3


def test_the_client_depends_on_the_wheel_or_the_sources(outputs, tmp_path):
    first = outputs()
    (tmp_path / "a.whl").write_text("changed")
    assert outputs()["client"] != first["client"]
    (tmp_path / "sources" / "src").mkdir(parents=True)
    before = outputs("sources")
    (tmp_path / "sources" / "src" / "module.py").write_text("")
    assert outputs("sources")["client"] != before["client"]


def test_the_directory_is_absolute(outputs):
    assert outputs()["directory"] == str(Path("~/tools").expanduser())

"""PATH and the variables of the tools of a directory."""

from __future__ import annotations

import pytest

from envmgr.ops.env import project_environment
from envmgr.project import known_projects
from support.machine.installed_tools import Toolbox


@pytest.fixture
def box(tmp_path):
    return Toolbox(tmp_path)


def test_tools_are_in_front_of_path_with_their_variables(box):
    node = box.install("nodejs", "20.1.0", ["node"])
    java = box.install("java", "21.0.1", ["java"], env={"JAVA_HOME": "{home}", "PS1 x": "no name"})
    box.request("nodejs=20\njava=21\n")
    environment = project_environment(box.context(PATH="/usr/bin:/bin"))
    assert environment.path == (f"{node}/bin", f"{java}/bin")
    assert environment.variables == {
        "PATH": f"{node}/bin:{java}/bin:/usr/bin:/bin",
        "JAVA_HOME": str(java),
    }
    assert environment.missing == environment.excluded == ()


def test_path_does_not_grow_when_it_is_set_again(box):
    node = box.install("nodejs", "20.1.0", ["node"])
    box.request("nodejs=20\n")
    once = project_environment(box.context(PATH=f"/usr/bin::{node}/bin:/bin")).variables["PATH"]
    assert once == f"{node}/bin:/usr/bin::/bin"
    assert project_environment(box.context(PATH=once)).variables["PATH"] == once


@pytest.mark.parametrize("path", ["", "/bin"])
def test_without_tools_path_is_unchanged(box, path):
    assert project_environment(box.context(PATH=path)).variables == {"PATH": path}


def test_an_empty_path_gets_no_working_directory(box):
    node = box.install("nodejs", "20.1.0", ["node"])
    box.request("nodejs=20\n")
    assert project_environment(box.context(PATH="")).variables["PATH"] == f"{node}/bin"


def test_missing_tools_and_directories_of_the_project_are_named_and_not_added(box):
    (box.project / "inside").mkdir()
    box.request("nodejs=20\nzig=path:inside\n")
    environment = project_environment(box.context())
    assert environment.path == ()
    assert [item.tool for item in environment.missing] == ["nodejs"]
    assert [item.tool for item in environment.excluded] == ["zig"]


def test_a_project_whose_environment_is_printed_becomes_known(box):
    box.request("nodejs=20\n")
    project_environment(box.context())
    assert [*known_projects.recorded_directories(box.paths)] == [str(box.project)]


def test_files_are_those_whose_change_may_change_the_environment(box):
    box.request("nodejs=20\n")
    inside = box.project / "inside"
    inside.mkdir()
    files = project_environment(box.context(cwd=inside)).files
    first = [inside / ".envmgr", box.project / ".envmgr", box.project / ".envmgr.lock"]
    assert [*files[:3]] == [str(file) for file in first]
    assert files[-1] == box.paths.global_file

"""The deciding file, overrides by variables, and the limits of the search."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import DotfileError, ProjectError, StorageError
from envmgr.kit.paths import single_root
from envmgr.project import discovery
from envmgr.project.request import Origin, Request


@pytest.fixture
def tree(tmp_path):
    """Write files below a root and discover the project of one of its directories."""
    root = tmp_path / "tree"
    paths = single_root(str(tmp_path / "home"))

    def make(files: dict[str, str], cwd: str = "", **variables: str):
        for name, text in files.items():
            path = tmp_path / "home" / "global.envmgr" if name == "global" else root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (root / cwd).mkdir(parents=True, exist_ok=True)
        environment = {"ENVMGR_CEILING": str(root), **variables}
        return discovery.find(Environment(environment, str(root / cwd)), paths)

    return make


def specs(requests) -> dict[str, str]:
    return {request.tool: request.spec for request in requests}


def test_without_requests_there_are_no_tools(tree):
    project = tree({}, "a")
    assert (project.directory, project.path, project.files, project.requests()) == (None, None, (), ())
    assert project.request("x") is None


def test_the_nearest_file_with_the_tool_decides(tree):
    project = tree(
        {
            ".envmgr": "x=1\ny=1\nz=1\n",
            "a/.envmgr": "w=2\ny=2\n",
            "a/b/.envmgr": "x=3\n",
            "global": "z=0\ng=0\n",
        },
        "a/b",
    )
    assert specs(project.requests()) == {"x": "3", "w": "2", "y": "2", "z": "1", "g": "0"}
    assert [request.tool for request in project.requests()] == ["x", "w", "y", "z", "g"]
    assert {tool: project.request(tool).spec for tool in "xwyzg"} == {
        "x": "3",
        "w": "2",
        "y": "2",
        "z": "1",
        "g": "0",
    }


def test_searched_paths_are_listed_nearest_first_and_the_global_file_last(tree, tmp_path):
    project = tree({".envmgr": "x=1\n"}, "a/b")
    root = tmp_path / "tree"
    assert project.searched_paths == (
        str(root / "a" / "b" / ".envmgr"), str(root / "a" / ".envmgr"), str(root / ".envmgr"),
        str(tmp_path / "home" / "global.envmgr"),
    )  # fmt: skip
    assert project.directory == str(root)
    assert project.path == str(root / ".envmgr")
    assert project.directories == (str(root / "a/b"), str(root / "a"), str(root))


def test_the_global_file_is_not_a_project(tree):
    project = tree({"global": "x=1\n"}, "a")
    assert (project.directory, project.path) == (None, None)
    assert [file.is_global for file in project.files] == [True]
    assert project.request("x").origin.kind == "global"


def test_a_variable_overrides_every_file(tree):
    project = tree({".envmgr": "x=1\ny=1\n"}, ENVMGR_X_VERSION=" 2, 3 ")
    assert project.requests()[0] == Request("x", ("2", "3"), Origin("environment", "ENVMGR_X_VERSION"))
    assert specs(project.requests()) == {"x": "2", "y": "1"}
    assert project.request("x").spec == "2"


def test_an_override_applies_to_a_known_tool_without_a_file(tree):
    project = tree({".envmgr": "x=1\n"}, ENVMGR_NPM__A_B_VERSION="2", ENVMGR_Z_VERSION="3")
    assert specs(project.requests()) == {"x": "1"}
    assert specs(project.requests(["z", "x", "npm:@a/b", "other"])) == {"x": "1", "npm:@a/b": "2", "z": "3"}
    assert project.request("z").spec == "3"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_override_is_ignored(tree, value):
    project = tree({".envmgr": "x=1\n"}, ENVMGR_X_VERSION=value)
    assert project.request("x").spec == "1"
    assert project.overrides == {}


def test_an_invalid_override_is_named(tree):
    project = tree({".envmgr": "x=1\n"}, ENVMGR_X_VERSION="~=2")
    for ask in (project.requests, lambda: project.request("x")):
        with pytest.raises(ProjectError, match=r"\$ENVMGR_X_VERSION: '~=2'"):
            ask()


def test_the_lock_is_beside_the_deciding_file(tree, tmp_path):
    project = tree({".envmgr": "x=1\n", "a/.envmgr": "y=1\n", "global": "z=1\n"}, "a", ENVMGR_O_VERSION="1")
    root = tmp_path / "tree"
    locks = {tool: project.lock_of(project.request(tool)) for tool in "xyzo"}
    assert locks == {
        "x": str(root / ".envmgr.lock"),
        "y": str(root / "a" / ".envmgr.lock"),
        "z": str(tmp_path / "home" / "global.envmgr.lock"),
        "o": None,
    }
    assert project.file_of(project.request("x")) == project.files[1]
    assert project.file_of(Request("x", ("1",), Origin("argument", ""))) is None
    assert project.file_of(Request("x", ("1",), Origin("file", "/elsewhere/.envmgr", 1))) is None


def test_the_search_ends_after_the_ceiling_directory(tree, tmp_path):
    root = tmp_path / "tree"
    files = {".envmgr": "x=1\n", "a/.envmgr": "y=2\n"}
    assert specs(tree(files, "a/b", ENVMGR_CEILING=str(root / "a")).requests()) == {"y": "2"}
    assert specs(tree(files, "a", ENVMGR_CEILING=f"{root / 'a'}/").requests()) == {"y": "2"}
    several = os.pathsep.join(["", "relative", str(root / "elsewhere"), str(root / "a" / "b"), str(root)])
    assert specs(tree(files, "a/b", ENVMGR_CEILING=several).requests()) == {}


def test_a_ceiling_outside_the_parents_is_ignored(tree, tmp_path):
    files = {".envmgr": "x=1\n", "a/.envmgr": "y=2\n"}
    for ceiling in (str(tmp_path / "tree" / "b"), "tree", "a"):
        assert specs(tree(files, "a", ENVMGR_CEILING=ceiling).requests()) == {"y": "2", "x": "1"}


def test_without_a_ceiling_the_search_ends_at_the_root(tmp_path):
    project = discovery.find(Environment({}, str(tmp_path)), single_root(str(tmp_path)))
    assert len(project.searched_paths) == len(tmp_path.parents) + 2
    assert project.searched_paths[-2] == os.path.join(tmp_path.anchor, ".envmgr")


def test_a_directory_of_that_name_is_not_a_dotfile(tree, tmp_path):
    (tmp_path / "tree" / "a" / ".envmgr").mkdir(parents=True)
    assert specs(tree({".envmgr": "x=1\n"}, "a").requests()) == {"x": "1"}


def test_parents_of_a_removed_working_directory_are_searched(tree, tmp_path):
    project = tree({".envmgr": "x=1\n"})
    environment = Environment({}, str(tmp_path / "tree" / "gone" / "x"))
    assert discovery.find(environment, single_root(str(tmp_path))).directory == project.directory


def test_invalid_files_are_named_in_every_directory(tree, tmp_path):
    for name in (".envmgr", "global"):
        with pytest.raises(DotfileError) as caught:
            tree({"a/.envmgr": "x=1\n", name: "X\n"}, "a")
        assert caught.value.message.startswith(str(tmp_path))
        assert ":1:1: " in caught.value.message


def test_a_file_that_is_not_text_is_named(tree, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".envmgr").write_bytes(b"a=\xff")
    with pytest.raises(DotfileError, match=r"\.envmgr:1:3: not UTF-8"):
        tree({})


@pytest.mark.skipif(
    not os.path.exists("/proc/self/mem"), reason="needs a file that cannot be read even by root"
)
def test_a_file_that_cannot_be_read_is_named(tree, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".envmgr").symlink_to("/proc/self/mem")
    with pytest.raises(StorageError, match=r"cannot read .*\.envmgr: "):
        tree({}, "a")


def test_finding_a_project_imports_nothing_slow():
    code = (
        "import envmgr.project.discovery, envmgr.project.lockfile_io, sys;"
        "slow = {'dataclasses', 'typing', 'pathlib', 'json', 'contextlib', 'subprocess', 'tempfile', 'shutil'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"

"""Versions that known projects need, or may need, are not removed."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from envmgr.kit.frozen import replace
from envmgr.ops.maintenance import prune
from envmgr.project import known_projects
from support.machine.installed_tools import Toolbox


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    for version in ("18.0.0", "20.1.0", "20.5.0", "22.0.0"):
        toolbox.install("nodejs", version, ["node"])
    toolbox.install("zig", "0.13.0", ["zig"])
    return toolbox


def add_project(box, name, text, resolved=None):
    """Create a known project with a dotfile and, if requests are resolved, a lock; return its directory."""
    directory = box.directory / name
    box.request(text, directory)
    if resolved is not None:
        tools: dict[str, dict[str, object]] = {}
        for request, version in resolved.items():
            tool = request.partition("@")[0]
            tools.setdefault(tool, {})[version] = {"plugin": f"sha256:{'0' * 64}", "artifacts": {}}
        lock = {"lockfile": 1, "resolved": resolved, "tools": tools}
        (directory / ".envmgr.lock").write_text(json.dumps(lock))
    known_projects.record(box.paths, box.context(directory).project)
    return directory


def unneeded(box, **variables):
    elsewhere = box.directory / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    result = prune.select(box.context(elsewhere, **variables))
    return {f"{item.tool} {item.version}" for item in result.versions}


ALL = {"nodejs 18.0.0", "nodejs 20.1.0", "nodejs 20.5.0", "nodejs 22.0.0", "zig 0.13.0"}


def test_without_projects_nothing_is_needed(box):
    assert unneeded(box) == ALL


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("nodejs=20\n", {"nodejs 20.5.0"}),
        ("nodejs=20.1.0\nzig=0.13\n", {"nodejs 20.1.0", "zig 0.13.0"}),
        ("nodejs=18, 22\n", {"nodejs 18.0.0", "nodejs 22.0.0"}),
        ("nodejs=latest\n", {"nodejs 22.0.0"}),
        ("nodejs=lts\n", {item for item in ALL if item.startswith("nodejs")}),
        ("nodejs=99\n", set()),
        ("nodejs=system\nzig=path:x\n", set()),
    ],
)
def test_the_best_installed_version_of_a_request_is_needed(box, text, needed):
    add_project(box, "app", text)
    assert unneeded(box) == ALL - needed


@pytest.mark.parametrize(
    ("resolved", "needed"),
    [
        ({"nodejs@20": "20.1.0"}, {"nodejs 20.1.0"}),
        ({"nodejs@20": "20.9.9"}, {"nodejs 20.5.0"}),
        ({"nodejs@18": "18.0.0"}, {"nodejs 18.0.0", "nodejs 20.5.0"}),
    ],
    ids=["locked", "locked but not installed", "locked for another request"],
)
def test_locked_versions_are_needed(box, resolved, needed):
    add_project(box, "app", "nodejs=20\n", resolved)
    assert unneeded(box) == ALL - needed


def test_each_known_project_counts_and_so_do_those_above_it_and_the_global_file(box):
    box.request("zig=0.13\n", box.directory / "team")
    add_project(box, "team/app", "nodejs=18\n")
    add_project(box, "other", "nodejs=20.1.0\n")
    box.root.mkdir(exist_ok=True)
    (box.root / "global.envmgr").write_text("nodejs=22\n")
    assert unneeded(box) == {"nodejs 20.5.0"}


def test_this_directory_and_its_variables_count_though_it_is_not_known(box):
    box.request("zig=0.13\n")
    context = box.context(ENVMGR_NODEJS_VERSION="18")
    versions = {f"{item.tool} {item.version}" for item in prune.select(context).versions}
    assert versions == ALL - {"zig 0.13.0", "nodejs 18.0.0"}


def test_the_tools_that_a_needed_tool_runs_on_are_needed(box):
    box.install("npm:prettier", "3.0.0", ["prettier"], requires=["nodejs"])
    add_project(box, "app", "npm:prettier=3\n")
    assert unneeded(box) == ALL - {"nodejs 22.0.0"}


def test_a_deleted_project_needs_nothing_and_is_forgotten(box):
    shutil.rmtree(add_project(box, "gone", "nodejs=18\n"))
    remaining = add_project(box, "app", "nodejs=22\n")
    result = prune.select(box.context())
    assert result.deleted_projects == (str(box.directory / "gone"),)
    assert "18.0.0" in {item.version for item in result.versions}
    assert set(known_projects.recorded_directories(box.paths)) == {
        str(remaining),
        str(box.directory / "gone"),
    }
    prune.remove(box.context(), result)
    assert list(known_projects.recorded_directories(box.paths)) == [str(remaining)]
    assert os.listdir(box.root / "installs" / "nodejs") == ["22.0.0"]


@pytest.mark.parametrize(
    ("dotfile", "lock", "needed"),
    [
        (b"nodejs 18\n", None, {item for item in ALL if item.startswith("nodejs")}),
        (b"nodejs=18\n", b"<<<<<<< ours\n", {item for item in ALL if item.startswith("nodejs")}),
        (b"nodejs=18\n", b'{"lockfile": 99, "tools": {"zig": {}}}', ALL),
        (b"\xff\xfe\n", None, ALL),
        (b"other 1\n", None, set()),
    ],
    ids=["bad line", "merge conflict", "newer lock", "not UTF-8", "names no installed tool"],
)
def test_a_project_that_cannot_be_read_keeps_all_that_it_may_need(box, dotfile, lock, needed):
    directory = add_project(box, "app", "nodejs=18\n")
    (directory / ".envmgr").write_bytes(dotfile)
    if lock:
        (directory / ".envmgr.lock").write_bytes(lock)
    assert unneeded(box) == ALL - needed
    ((path, reason),) = prune.select(box.context()).unreadable
    assert path == str(directory / ".envmgr")
    assert str(directory) in reason


def test_a_project_without_permission_to_look_keeps_everything(box, monkeypatch):
    directory = add_project(box, "app", "nodejs=18\n")
    stat, open_file = os.stat, open

    def refuse(call):
        def refusing(path, *arguments, **keywords):
            if isinstance(path, str) and path.startswith(f"{directory}/"):
                raise PermissionError(13, "Permission denied", path)
            return call(path, *arguments, **keywords)

        return refusing

    monkeypatch.setattr(os, "stat", refuse(stat))
    monkeypatch.setattr("builtins.open", refuse(open_file))
    assert unneeded(box) == set()


def test_a_deleted_project_that_is_back_becomes_known_when_its_shims_run(box):
    directory = add_project(box, "gone", "nodejs=18\n")
    box.reshim()
    box.output("node", cwd=directory)
    assert box.is_fast("node", cwd=directory)
    directory.rename(box.directory / "aside")
    selection = prune.select(box.context())
    prune.remove(box.context(), replace(selection, versions=()))
    (box.directory / "aside").rename(directory)
    box.output("node", cwd=directory)
    assert [*known_projects.recorded_directories(box.paths)] == [str(directory)]


def test_a_version_that_became_needed_after_the_question_stays(box):
    selection = prune.select(box.context())
    add_project(box, "app", "nodejs=20.1.0\n")
    removed = prune.remove(box.context(), selection).versions
    assert {f"{item.tool} {item.version}" for item in removed} == ALL - {"nodejs 20.1.0"}
    assert os.listdir(box.root / "installs" / "nodejs") == ["20.1.0"]

"""Records of the projects on a machine."""

from __future__ import annotations

import os

import pytest

from envmgr.kit import fs
from envmgr.kit.paths import single_root
from envmgr.project import known_projects
from envmgr.project.discovery import Project
from envmgr.project.dotfile import Dotfile


@pytest.fixture
def paths(tmp_path):
    return single_root(str(tmp_path / "root"))


def project(*directories, is_global=False):
    files = tuple(Dotfile(os.path.join(directory, ".envmgr"), (), is_global) for directory in directories)
    return Project(directories[0], files, ())


@pytest.mark.parametrize("name", ["app", "a b\n'é", os.fsdecode(b"caf\xe9"), "x" * 3000])
def test_any_directory_is_recorded_once(paths, name):
    for _ in range(2):
        known_projects.record(paths, project(f"/{name}", "/"))
    assert set(known_projects.recorded_directories(paths)) == {f"/{name}", "/"}
    known_projects.forget(paths, "/")
    assert list(known_projects.recorded_directories(paths)) == [f"/{name}"]


def test_the_global_file_is_not_a_project(paths):
    known_projects.record(paths, project("/home/u/.config", is_global=True))
    assert list(known_projects.recorded_directories(paths)) == []


def test_other_files_among_the_records_are_ignored(paths):
    known_projects.record(paths, project("/app"))
    fs.write_atomic(os.path.join(paths.projects, "notes"), "/other")
    assert list(known_projects.recorded_directories(paths)) == ["/app"]


def test_a_record_that_cannot_be_written_stops_nothing(paths):
    fs.write_atomic(paths.projects, "a file in the place of the directory")
    known_projects.record(paths, project("/app"))
    assert list(known_projects.recorded_directories(paths)) == []

"""Files of running programs are renamed, by a system that refuses what Windows refuses."""

from __future__ import annotations

import os

import pytest

from envmgr.kit.windows import running_programs
from support.machine.windows_renames import OPEN, RUNNING, refuse_renames


@pytest.fixture
def windows(monkeypatch):
    """Refuse renames as Windows does."""
    refuse_renames(monkeypatch)


def create(directory, *names):
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def files(directory):
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


@pytest.mark.usefixtures("windows")
def test_a_tree_is_moved_around_the_directories_of_running_programs(tmp_path):
    names = [".receipt", f"bin/{RUNNING}", "lib/a/b"]
    create(tmp_path / "tree", *names)
    running_programs.move_tree(str(tmp_path / "tree"), str(tmp_path / "aside"))
    assert files(tmp_path / "aside") == sorted(names)
    assert not (tmp_path / "tree").exists()


@pytest.mark.usefixtures("windows")
def test_an_open_file_in_the_middle_leaves_the_tree_where_it_was(tmp_path):
    names = [".receipt", f"bin/{RUNNING}", "lib/a/a", f"lib/a/{OPEN}", "lib/b", f"lib/c/{RUNNING}"]
    create(tmp_path / "tree", *names)
    with pytest.raises(PermissionError):
        running_programs.move_tree(str(tmp_path / "tree"), str(tmp_path / "aside"))
    assert files(tmp_path) == [f"tree/{name}" for name in sorted(names)]
    assert not (tmp_path / "aside").exists()


@pytest.mark.usefixtures("windows")
def test_a_directory_in_use_leaves_the_tree_where_it_was(tmp_path, monkeypatch):
    names = [".receipt", f"bin/{RUNNING}", "lib/a"]
    create(tmp_path / "tree", *names)

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(PermissionError):
        running_programs.move_tree(str(tmp_path / "tree"), str(tmp_path / "aside"))
    assert files(tmp_path / "tree") == sorted(names)


@pytest.mark.usefixtures("windows")
def test_all_that_can_be_renamed_is_moved_back(tmp_path):
    create(tmp_path / "aside", ".receipt", f"lib/{OPEN}", f"lib/{RUNNING}")
    create(tmp_path / "tree", "lib/b")
    running_programs.move_tree_back(str(tmp_path / "aside"), str(tmp_path / "tree"))
    assert files(tmp_path) == [f"aside/lib/{OPEN}", "tree/.receipt", "tree/lib/b", f"tree/lib/{RUNNING}"]


def test_a_file_that_cannot_be_renamed_is_an_error(tmp_path, monkeypatch):
    create(tmp_path, "file")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(PermissionError):
        running_programs.move_tree(str(tmp_path / "file"), str(tmp_path / "aside"))


def test_a_file_is_moved_aside_for_another(tmp_path):
    create(tmp_path, "node.exe")
    with running_programs.moved_aside(str(tmp_path / "node.exe")):
        assert not (tmp_path / "node.exe").exists()
        create(tmp_path, "node.exe")
    assert len(files(tmp_path)) == 2


def test_a_file_is_moved_back_after_an_error(tmp_path):
    create(tmp_path, "node.exe")
    with pytest.raises(ValueError, match="full"), running_programs.moved_aside(str(tmp_path / "node.exe")):
        raise ValueError("full")
    assert files(tmp_path) == ["node.exe"]

"""Commands are found as shells find them."""

from __future__ import annotations

import os

import pytest

from envmgr.install import store
from envmgr.resolve import executable


@pytest.fixture
def on_windows(monkeypatch):
    """Set the extensions of programs to those of Windows."""
    monkeypatch.setattr(store, "_program_extensions", lambda: (".exe", ".cmd"))


def create(directory, *names):
    for name in names:
        (directory / name).touch(mode=0o755)


@pytest.mark.usefixtures("on_windows")
@pytest.mark.parametrize(("command", "file"), [("tool", "tool.exe"), ("npm", "npm.cmd"), ("other", None)])
def test_a_path_needs_no_extension_on_windows(tmp_path, command, file):
    create(tmp_path, "tool.exe", "npm.cmd", "notes.txt")
    path = executable.on_path("", os.path.join(str(tmp_path), command))
    assert path == (file and os.path.join(str(tmp_path), file))


def test_a_path_is_taken_as_it_is(tmp_path):
    create(tmp_path, "tool")
    assert executable.on_path("", str(tmp_path / "tool")) == str(tmp_path / "tool")
    assert executable.on_path("", str(tmp_path / "absent")) is None

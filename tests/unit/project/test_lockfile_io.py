"""Locks on disk."""

from __future__ import annotations

import os
import sys

import pytest

from envmgr.catalog.release import Artifact
from envmgr.kit.errors import LockfileError, StorageError
from envmgr.project import lockfile_io
from envmgr.project.lockfile import EMPTY, Locked, render, with_release

LOCK = with_release(
    EMPTY, "x@1", "1", "x", Locked("sha256:" + "a" * 64, {"linux-x64": Artifact("https://x/y")})
)


def test_the_lock_is_beside_its_dotfile():
    assert lockfile_io.path_beside("/p/.envmgr") == "/p/.envmgr.lock"
    assert lockfile_io.path_beside("/c/global.envmgr") == "/c/global.envmgr.lock"


def test_a_lock_is_written_with_line_feeds_and_read_back(tmp_path):
    path = str(tmp_path / ".envmgr.lock")
    assert lockfile_io.read(path) is None
    assert lockfile_io.text_of(path) is None
    assert lockfile_io.write(path, LOCK)
    assert (tmp_path / ".envmgr.lock").read_bytes() == render(LOCK).encode()
    assert lockfile_io.read(path) == LOCK


def test_a_lock_that_is_the_same_is_left_alone(tmp_path):
    path = str(tmp_path / ".envmgr.lock")
    lockfile_io.write(path, LOCK)
    before = os.stat(path).st_mtime_ns
    assert not lockfile_io.write(path, LOCK)
    assert os.stat(path).st_mtime_ns == before
    assert lockfile_io.write(path, EMPTY)


def test_a_checkout_with_other_line_ends_has_the_same_text(tmp_path):
    path = tmp_path / ".envmgr.lock"
    path.write_bytes(render(LOCK).replace("\n", "\r\n").encode())
    assert lockfile_io.text_of(str(path)) == render(LOCK)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_to_a_lock_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    lockfile_io.write(str(tmp_path / "link"), LOCK)
    assert (tmp_path / "link").is_symlink()
    assert lockfile_io.read(str(tmp_path / "real")) == LOCK


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff", "not UTF-8"), (b" " * (lockfile_io.LIMIT + 1), "larger than 16 MB"), (b"{", "cut off")],
)
def test_what_is_no_lock_is_named_and_left_alone(tmp_path, content, message):
    path = tmp_path / ".envmgr.lock"
    path.write_bytes(content)
    with pytest.raises(LockfileError, match=message) as caught:
        lockfile_io.read(str(path))
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == content


def test_a_lock_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot read"):
        lockfile_io.read(str(tmp_path))

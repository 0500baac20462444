"""Locks on disk."""

from __future__ import annotations

import os
import sys

import pytest

from envmgr.kit.errors import LockfileError, StorageError
from envmgr.lockformat.limits import MAX_BYTES, MAX_RELEASES
from envmgr.lockformat.model import EMPTY, Artifact, Locked, Lockfile
from envmgr.lockformat.writer import render
from envmgr.project import lockfile_io
from envmgr.project.lockfile import with_release

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


def test_an_unchanged_lock_is_not_rewritten(tmp_path):
    path = str(tmp_path / ".envmgr.lock")
    lockfile_io.write(path, LOCK)
    before = os.stat(path).st_mtime_ns
    assert not lockfile_io.write(path, LOCK)
    assert os.stat(path).st_mtime_ns == before
    assert lockfile_io.write(path, EMPTY)


def test_line_endings_of_a_checkout_are_normalized(tmp_path):
    path = tmp_path / ".envmgr.lock"
    path.write_bytes(render(LOCK).replace("\n", "\r\n").encode())
    assert lockfile_io.text_of(str(path)) == render(LOCK)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_to_a_lock_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    lockfile_io.write(str(tmp_path / "link"), LOCK)
    assert (tmp_path / "link").is_symlink()
    assert lockfile_io.read(str(tmp_path / "real")) == LOCK


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff", "not UTF-8"), (b" " * (MAX_BYTES + 1), "exceeds 5 MiB"), (b"{", "truncated")],
)
def test_an_invalid_lock_is_named_and_not_overwritten(tmp_path, content, message):
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


def large_lock() -> Lockfile:
    entry = LOCK.tools["x"]["1"]
    return Lockfile(tools={f"t{n}": {"1": entry} for n in range(MAX_RELEASES + 1)})


def test_a_lock_that_cannot_be_read_back_is_not_written(tmp_path):
    path = tmp_path / ".envmgr.lock"
    with pytest.raises(LockfileError, match=r"\.envmgr\.lock: more than 2,000 tool versions"):
        lockfile_io.write(str(path), large_lock())
    assert not path.exists()


class Calls:
    """Counts the reads and parses of lock files in a run."""

    def __init__(self, monkeypatch) -> None:
        self.reads = self.parses = 0
        read_bytes, parse = lockfile_io.read_bytes, lockfile_io.parse
        monkeypatch.setattr(lockfile_io, "read_bytes", lambda *args: self._count_read(read_bytes, args))
        monkeypatch.setattr(lockfile_io, "parse", lambda *args: self._count_parse(parse, args))

    def _count_read(self, read, args):
        self.reads += 1
        return read(*args)

    def _count_parse(self, parse, args):
        self.parses += 1
        return parse(*args)


def test_a_lock_is_read_and_parsed_once_until_it_changes(tmp_path, monkeypatch):
    path = str(tmp_path / ".envmgr.lock")
    lockfile_io.write(path, LOCK)
    locks, calls = lockfile_io.LockFiles(), Calls(monkeypatch)
    assert [locks.lock(path), locks.reload(path), locks.lock(path)] == [LOCK] * 3
    assert locks.text(path) == render(LOCK)
    assert (calls.reads, calls.parses) == (1, 1)
    assert not locks.write(path, LOCK)
    assert locks.lock(path) == LOCK
    assert (calls.reads, calls.parses) == (1, 1)
    assert locks.write(path, EMPTY)
    assert locks.lock(path) == EMPTY
    assert (calls.reads, calls.parses) == (2, 2)


def test_a_lock_that_another_process_changed_is_reloaded(tmp_path):
    path = str(tmp_path / ".envmgr.lock")
    locks = lockfile_io.LockFiles()
    assert locks.reload(path) is locks.lock(path) is None
    lockfile_io.write(path, LOCK)
    assert locks.lock(path) is None
    assert locks.reload(path) == LOCK
    lockfile_io.write(path, EMPTY)
    assert locks.lock(path) == LOCK
    assert locks.reload(path) == EMPTY

"""Backups while they are written: who can read them, and what a power failure leaves."""

from __future__ import annotations

import os
import stat
import tarfile

import pytest

from envmgr.server.bootstrap import databases
from envmgr.server.bootstrap.recovery import backup
from envmgr.server.bootstrap.registry import SERVICES
from envmgr.server.kit.config.data_dir import RESTORE_MARKER_FILE
from envmgr.server.kit.db.migrations import upgrade
from envmgr.server.kit.db.sqlite_file import SqliteFile

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes, and cannot open directories")


@pytest.fixture
def data(tmp_path):
    """Return a data directory with databases and a key."""
    directory = databases.data_directory(str(tmp_path / "data"))
    directory.make()
    for service in SERVICES:
        upgrade(SqliteFile(directory.database(service.NAME)), service.MIGRATIONS, service.HEAD)
    (tmp_path / "data" / databases.AUDIT_KEY_FILE).write_bytes(b"secret")
    return directory


@pytest.fixture
def open_umask():
    """Create files without a umask: they are readable by all users, unless their mode prevents it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def steps(monkeypatch):
    """Return the directories that are flushed, and the files that are renamed, in order."""
    steps = []
    flush, rename = backup.sync_path, os.rename

    def record_flush(path):
        steps.append(("flush", os.path.basename(path)))
        flush(path)

    def record_rename(source, target):
        steps.append(("rename", os.path.basename(source)))
        rename(source, target)

    monkeypatch.setattr(backup, "sync_path", record_flush)
    monkeypatch.setattr(backup.os, "rename", record_rename)
    return steps


def readable_by_others(directory):
    return [
        path.name
        for path in directory.rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


@posix
@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("name", ["copy.tar", "copy.tar.gz"])
def test_an_archive_is_for_its_owner_only_while_it_is_written(data, tmp_path, monkeypatch, name):
    add, modes = tarfile.TarFile.add, []

    def record_modes(archive, *args):
        add(archive, *args)
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.tar") if path.is_file())

    monkeypatch.setattr(tarfile.TarFile, "add", record_modes)
    backup.write_backup(data, str(tmp_path / name))
    assert set(modes) == {0o600}
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@posix
def test_an_archive_replaces_what_an_interrupted_backup_left(data, tmp_path):
    left = tmp_path / f"copy.tar.partial-{os.getpid()}.tar"
    left.write_bytes(b"part")
    left.chmod(0o666)
    backup.write_backup(data, str(tmp_path / "copy.tar"))
    assert stat.S_IMODE((tmp_path / "copy.tar").stat().st_mode) == 0o600
    assert not left.exists()


@posix
@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_restored_files_are_for_their_owner_only(data, tmp_path, name):
    backup.write_backup(data, str(tmp_path / name))
    target = databases.data_directory(str(tmp_path / "other"))
    target.make()
    backup.restore_backup(str(tmp_path / name), target, replace=False)
    assert readable_by_others(tmp_path / "other") == []


@posix
def test_a_backup_directory_is_flushed_before_it_gets_its_name(data, tmp_path, steps):
    backup.write_backup(data, str(tmp_path / "copy"))
    staged = f"copy.partial-{os.getpid()}"
    assert steps[-3:] == [("flush", staged), ("rename", staged), ("flush", tmp_path.name)]


@posix
def test_a_restore_flushes_the_marker_and_old_files_before_new_ones_move_in(data, tmp_path, steps):
    backup.write_backup(data, str(tmp_path / "copy"))
    steps.clear()
    backup.restore_backup(str(tmp_path / "copy"), data, replace=True)
    moves = [step for step in steps if step[0] == "rename" or not step[1].endswith((".db", ".key"))]
    names = sorted([*(f"{service.NAME}.db" for service in SERVICES), databases.AUDIT_KEY_FILE])
    (aside,) = (tmp_path / "data").glob("replaced-*")
    renames = [("rename", name) for name in names]
    assert moves == [
        ("flush", "data"),
        *renames,
        ("flush", aside.name),
        ("flush", "data"),
        *renames,
        ("flush", "data"),
        ("flush", "data"),
    ]
    assert not (tmp_path / "data" / RESTORE_MARKER_FILE).exists()


@pytest.mark.parametrize("name", ["backup.zip", "backup.tar.xz"])
def test_no_directory_is_named_like_an_archive_of_another_format(data, tmp_path, name):
    with pytest.raises(backup.BackupError, match="unsupported archive"):
        backup.write_backup(data, str(tmp_path / name))
    assert not (tmp_path / name).exists()


def test_what_is_not_an_archive_is_refused_in_one_line(data, tmp_path):
    path = tmp_path / "app.db"
    path.write_bytes(b"SQLite format 3")
    with pytest.raises(backup.BackupError) as caught:
        backup.restore_backup(str(path), data, replace=True)
    assert str(caught.value) == f"{path} is not a backup: file could not be opened successfully"

"""Backups of a data directory: all databases of one moment, the keys, and a manifest.

The manifest has the digest of each file. A backup is a directory, or an archive of it (`.tar`, `.tar.gz`). Both
directions stage, check, and rename.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from envmgr import __version__
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.fs import create_file, read_bytes, remove_tree, storage_errors, sync_path, write_atomic
from envmgr.server.bootstrap.databases import AUDIT_KEY_FILE, JWT_SECRET_FILE
from envmgr.server.bootstrap.registry import SERVICES
from envmgr.server.kit.common.clock import now_ms, rfc3339
from envmgr.server.kit.config.data_dir import RESTORE_MARKER_FILE
from envmgr.server.kit.db import sqlite_backup
from envmgr.server.kit.db.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.server.kit.config.data_dir import DataDirectory

MANIFEST_FILE = "manifest.json"
FORMAT = 1
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_UNSUPPORTED_SUFFIXES = (".zip", ".7z", ".tar.bz2", ".tar.xz", ".tar.zst")
_MAX_MANIFEST_BYTES = 2**20
_CHUNK_BYTES = 2**20
_SECRET_FILES = (JWT_SECRET_FILE, AUDIT_KEY_FILE)
_REVISIONS = {f"{service.NAME}.db": service.HEAD for service in SERVICES}


class BackupError(EnvmgrError):
    """A backup cannot be written, or is not one."""


class BackupFile(Struct, frozen=True, kw_only=True):
    """A file of a backup."""

    size: int
    sha256: str
    revision: str = ""
    """The schema revision of a database."""


class Manifest(Struct, frozen=True, kw_only=True):
    """Content of a backup."""

    format: int
    envmgr: str
    created_at: str
    files: dict[str, BackupFile]


def write_backup(data: DataDirectory, path: str) -> Manifest:
    """Write a backup of a data directory, in use or not, to a new path; raise EnvmgrError."""
    if path.endswith(_UNSUPPORTED_SUFFIXES):
        raise BackupError(
            f"unsupported archive {path}", "pass a new file NAME.tar or NAME.tar.gz, or a new directory"
        )
    if os.path.lexists(path):
        raise BackupError(f"backup {path} already exists", "pass a path that does not exist")
    with storage_errors(path), _staging(f"{path}.partial-{os.getpid()}") as staged:
        manifest = _fill(data, staged)
        if path.endswith(ARCHIVE_SUFFIXES):
            _pack(staged, path)
        else:
            sync_path(staged)
            os.rename(staged, path)
            sync_path(os.path.dirname(os.path.abspath(path)))
    return manifest


def restore_backup(path: str, data: DataDirectory, *, replace: bool) -> Manifest:
    """Copy a backup into a data directory that this process has locked; raise EnvmgrError.

    What the directory contained is moved to a directory within it. An interrupted restore is marked, so that no server
    starts on it, and can be repeated.
    """
    if not (replace or data.is_new or _is_interrupted(data)):
        raise BackupError(
            f"{data.path} contains the data of a server",
            "pass `--replace` to move it aside, or another --data-dir",
        )
    with storage_errors(data.path), _staging(data.file("restore.partial")) as staged:
        _unpack(path, staged)
        manifest = _require_intact(path, staged)
        _put(staged, data, manifest)
    return manifest


def _fill(data: DataDirectory, staged: str) -> Manifest:
    names = [f"{service.NAME}.db" for service in SERVICES]
    with sqlite_backup.snapshots([data.file(name) for name in names]) as snapshots:
        for name, snapshot in zip(names, snapshots, strict=True):
            sqlite_backup.copy(snapshot, os.path.join(staged, name))
    for name in _SECRET_FILES:
        with suppress(FileNotFoundError):  # a secret may be in a setting instead
            _copy(data.file(name), os.path.join(staged, name))
    manifest = Manifest(
        format=FORMAT,
        envmgr=__version__,
        created_at=rfc3339(now_ms()),
        files={name: _describe(staged, name) for name in sorted(os.listdir(staged))},
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    write_atomic(os.path.join(staged, MANIFEST_FILE), text + b"\n", 0o600)
    return manifest


def _describe(directory: str, name: str) -> BackupFile:
    path = os.path.join(directory, name)
    os.chmod(path, 0o600)
    sync_path(path)
    revision = SqliteFile(path).revision() if name in _REVISIONS else None
    return BackupFile(size=os.path.getsize(path), sha256=_digest(path), revision=revision or "")


def _require_intact(path: str, staged: str) -> Manifest:
    """Return the manifest of an unpacked backup; raise BackupError, UnusableDatabase."""
    manifest = _read_manifest(path, staged)
    missing = sorted(_REVISIONS.keys() - manifest.files.keys())
    if missing:
        raise BackupError(
            f"backup {path} is incomplete: {missing[0]} is not in its manifest", "use another backup"
        )
    for name, file in manifest.files.items():
        if name not in {*_REVISIONS, *_SECRET_FILES}:
            raise BackupError(f"backup {path} has an unknown file {name}", "use another backup")
        _require_digest(path, os.path.join(staged, name), file)
        if name in _REVISIONS:
            _require_known_revision(name, file)
            SqliteFile(os.path.join(staged, name)).require_intact()
    return manifest


def _read_manifest(path: str, staged: str) -> Manifest:
    text = read_bytes(os.path.join(staged, MANIFEST_FILE), _MAX_MANIFEST_BYTES)
    try:
        manifest = msgspec.json.decode(text or b"", type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupError(
            f"{path} is not a backup: {MANIFEST_FILE}: {error if text else 'not found'}",
            "pass what `envmgr-alm backup` wrote",
        ) from error
    if manifest.format != FORMAT:
        raise BackupError(
            f"backup {path} has format {manifest.format}, expected {FORMAT}", "upgrade envmgr, then retry"
        )
    return manifest


def _require_digest(backup: str, path: str, file: BackupFile) -> None:
    name = os.path.basename(path)
    if not os.path.isfile(path) or os.path.islink(path):
        raise BackupError(f"backup {backup} is incomplete: {name} is missing", "use another backup")
    if (os.path.getsize(path), _digest(path)) != (file.size, file.sha256):
        raise BackupError(f"backup {backup} is damaged: {name} has another digest", "use another backup")


def _require_known_revision(name: str, file: BackupFile) -> None:
    """Raise BackupError for a schema that is newer than this version's; `serve` migrates older ones."""
    if file.revision > _REVISIONS[name]:
        raise BackupError(
            f"{name} has schema revision {file.revision}, this version knows {_REVISIONS[name]}",
            "upgrade envmgr, then retry",
        )


def _put(staged: str, data: DataDirectory, manifest: Manifest) -> None:
    """Replace the files of a data directory by staged ones."""
    for name in manifest.files:
        os.chmod(os.path.join(staged, name), 0o600)
        sync_path(os.path.join(staged, name))
    write_atomic(data.file(RESTORE_MARKER_FILE), b"", 0o600)
    # A power failure must not leave a mixture of old and new files without the marker, nor lose old ones.
    sync_path(data.path)
    _move_aside(data)
    for name in manifest.files:
        os.rename(os.path.join(staged, name), data.file(name))
    sync_path(data.path)
    os.unlink(data.file(RESTORE_MARKER_FILE))
    sync_path(data.path)


def _move_aside(data: DataDirectory) -> None:
    """Move the files that a backup replaces to a new directory beside them, durably."""
    old = [name for name in sorted(os.listdir(data.path)) if _is_replaced(name)]
    if not old:
        return
    aside = data.file(f"replaced-{now_ms()}")
    os.mkdir(aside, 0o700)
    for name in old:
        os.rename(data.file(name), os.path.join(aside, name))
    sync_path(aside)
    sync_path(data.path)


def _is_replaced(name: str) -> bool:
    """Return whether a backup replaces a file: also the write-ahead logs of databases."""
    return name in _SECRET_FILES or any(name.startswith(database) for database in _REVISIONS)


def _is_interrupted(data: DataDirectory) -> bool:
    return os.path.exists(data.file(RESTORE_MARKER_FILE))


@contextmanager
def _staging(path: str) -> Iterator[str]:
    """Yield an empty directory at a path; at the end, remove what remains of it."""
    directory = os.path.abspath(path)
    _remove(directory)
    os.mkdir(directory, 0o700)
    try:
        yield directory
    finally:
        _remove(directory)


def _remove(directory: str) -> None:
    if os.path.lexists(directory):
        remove_tree(directory)


def _pack(directory: str, path: str) -> None:
    """Write a directory's files to an archive, atomically."""
    partial = f"{directory}.tar"
    _remove(partial)
    try:
        # It contains the keys: no other user may read it, not even while it is written.
        with (
            create_file(partial, 0o600) as file,
            tarfile.open(fileobj=file, mode="w" if path.endswith(".tar") else "w:gz") as archive,
        ):
            for name in sorted(os.listdir(directory)):
                archive.add(os.path.join(directory, name), name)
        sync_path(partial)
        os.rename(partial, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(partial)
    sync_path(os.path.dirname(os.path.abspath(path)))


def _unpack(path: str, staged: str) -> None:
    """Copy the known files of a backup to a directory; raise BackupError."""
    names = [MANIFEST_FILE, *_REVISIONS, *_SECRET_FILES]
    if os.path.isdir(path):
        for name in names:
            if os.path.isfile(os.path.join(path, name)):
                _copy(os.path.join(path, name), os.path.join(staged, name))
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name in names:
                    archive.extract(member, staged, filter="data")
    except FileNotFoundError as error:
        raise BackupError(f"backup {path} not found", "pass what `envmgr-alm backup` wrote") from error
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(
            f"{path} is not a backup: {str(error).partition(':')[0]}", "pass what `envmgr-alm backup` wrote"
        ) from error


def _copy(source: str, target: str) -> None:
    """Copy a file to a new one that only its owner can read."""
    with open(source, "rb") as original, create_file(target, 0o600) as copy:
        shutil.copyfileobj(original, copy, _CHUNK_BYTES)


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()

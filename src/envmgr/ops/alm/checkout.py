"""Restore the `.envmgr` and `.envmgr.lock` of a version."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from envmgr.alm.client.errors import escape_line
from envmgr.alm.client.fields import get_int, get_name, get_object, get_str, get_str_or_none, require_object
from envmgr.alm.push import ci, git_worktree, provenance
from envmgr.kit import digest as digests
from envmgr.kit.errors import AlmError, DigestMismatch, EnvmgrError, ProjectError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.lockformat import parser
from envmgr.lockformat.errors import LockFormatError
from envmgr.ops.alm import resolve
from envmgr.project import dotfile, lockfile, lockfile_io

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.refs import CurrentRef, IdRef, TagRef
    from envmgr.kit.environment import Environment

MAX_LISTED_CHANGES = 10
"""Changes of a file that are listed before the remaining ones are counted."""


@frozen
class CheckoutResult:
    """The version and its toolchain files; `changed` are those with new content."""

    version: Document
    lock_digest: str
    files: tuple[str, ...]
    changed: tuple[str, ...]


def checkout(api: Api, ref: TagRef | IdRef | CurrentRef, directory: str, *, force: bool) -> CheckoutResult:
    """Write both files or none; raise ProjectError if different ones exist, unless `force` is set."""
    version = resolve.find_version(api, ref)
    name = f"{get_name(version, 'app')}@{get_name(version, 'tag')}"
    digest = get_str_or_none(get_object(version, "toolchain"), "lock_digest")
    if digest is None:
        raise AlmError(f"{name} has no lock file", "register versions with `envmgr alm push` to include it")
    lock = require_object(api.get(f"/versions/{get_int(version, 'id')}/lock"))
    contents = _contents(
        directory, _verify_lock(get_str(lock, "lock"), digest, name), get_str(lock, "dotfile"), name
    )
    if not force:
        _require_no_conflict(contents, name)
    return CheckoutResult(version, digest, tuple(contents), _write_all(contents))


def current_app(environment: Environment) -> str:
    """Return the app name that a push would use; raise MissingProvenance if it is unknown."""
    collected = provenance.collect(
        provenance.ProvenanceOptions(tag="any"),
        ci.detect(environment),
        git_worktree.read(environment),
        environment.cwd,
    )
    return collected.app


def _verify_lock(lock: str, digest: str, name: str) -> str:
    """Return a lock after checking its digest."""
    try:
        expected = digests.parse(digest)
        actual = hashlib.new(expected.algorithm, lock.encode()).hexdigest()
    except ValueError as error:
        raise AlmError(f"cannot verify the lock of {name}: {error}") from None
    if actual != expected.value:
        raise DigestMismatch(
            f"lock digest mismatch for {name}: got {expected.algorithm}:{actual}, expected {digest}",
            "do not use it; run `envmgr alm audit --verify` to check the server's records",
        )
    return lock


def _contents(directory: str, lock: str, requests: str, name: str) -> dict[str, str]:
    """Return the content by path, the lock last; raise AlmError for content that envmgr cannot read."""
    path = os.path.join(directory, dotfile.NAME)
    try:
        lockfile_io.parse(lock, lockfile_io.path_beside(path))
        if requests:
            dotfile.parse(requests, path)
    except EnvmgrError as error:
        raise AlmError(f"cannot use the toolchain of {name} here: {error.message}", error.hint) from None
    return {**({path: requests} if requests else {}), lockfile_io.path_beside(path): lock}


def _require_no_conflict(contents: dict[str, str], name: str) -> None:
    different = [path for path, text in contents.items() if _content(path) not in {None, text}]
    if different:
        message = (
            f"{' and '.join(different)} already exist{'s' if len(different) == 1 else ''} "
            f"and differ{'s' if len(different) == 1 else ''} from {name}"
        )
        lines = [line for path in different for line in _differences(path, contents[path])]
        raise ProjectError("\n  ".join([message, *lines]), "pass --force to overwrite, or use -C DIR")


def _differences(path: str, text: str) -> list[str]:
    """Return what overwriting a file would change: entries of a lock, else lines."""
    existing = _content(path) or ""
    lines = _lock_changes(existing, text) or [
        *(f"- {line}" for line in existing.splitlines() if line not in text.splitlines()),
        *(f"+ {line}" for line in text.splitlines() if line not in existing.splitlines()),
    ]
    more = len(lines) - MAX_LISTED_CHANGES
    base = os.path.basename(path)
    changes = [f"{base}: {escape_line(line)}" for line in lines[:MAX_LISTED_CHANGES]]
    return [*changes, *([f"{base}: {more} more changes"] if more > 0 else [])]


def _lock_changes(existing: str, text: str) -> tuple[str, ...]:
    """Return the changes from one lock to another; none unless both are locks with entries."""
    try:
        return lockfile.diff(parser.parse(existing), parser.parse(text))
    except LockFormatError:
        return ()


def _content(path: str) -> str | None:
    content = read_bytes(path)
    return None if content is None else content.decode(errors="surrogateescape")


def _write_all(contents: dict[str, str]) -> tuple[str, ...]:
    """Write all files; restore the previous ones if one cannot be written."""
    previous = {path: read_bytes(path) for path in contents}
    changed: list[str] = []
    try:
        for path, content in contents.items():
            if write_in_place(path, content):
                changed.append(path)
    except BaseException:
        for path in changed:
            _restore(path, previous[path])
        raise
    return tuple(changed)


def _restore(path: str, content: bytes | None) -> None:
    if content is None:
        os.unlink(path)
    else:
        write_in_place(path, content.decode(errors="surrogateescape"))

"""The `.envmgr` and `.envmgr.lock` that a version was built with, written here."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int, get_name, get_object, get_str, get_str_or_none, require_object
from envmgr.alm.push import ci, git_worktree, provenance
from envmgr.kit import digest as digests
from envmgr.kit.errors import AlmError, DigestMismatch, EnvmgrError, ProjectError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.ops.alm import resolve
from envmgr.project import dotfile, lockfile_io

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.refs import CurrentRef, IdRef, TagRef
    from envmgr.kit.environment import Environment


@frozen
class CheckoutResult:
    """Whose toolchain it is, and which files it was written to; `changed` are those that were other before."""

    version: Document
    lock_digest: str
    files: tuple[str, ...]
    changed: tuple[str, ...]


def checkout(api: Api, named: TagRef | IdRef | CurrentRef, directory: str, *, force: bool) -> CheckoutResult:
    """Write both files, or none; raise ProjectError where others stand there, unless `force` is given."""
    version = resolve.find_version(api, named)
    name = f"{get_name(version, 'app')}@{get_name(version, 'tag')}"
    digest = get_str_or_none(get_object(version, "toolchain"), "lock_digest")
    if digest is None:
        raise AlmError(
            f"{name} was registered without a lock: nobody knows what it was built with",
            "`envmgr alm push` sends the lock, from the next version on",
        )
    lock = require_object(api.get(f"/versions/{get_int(version, 'id')}/lock"))
    contents = _contents(
        directory, _verified(get_str(lock, "lock"), digest, name), get_str(lock, "dotfile"), name
    )
    if not force:
        _require_same(contents, name)
    return CheckoutResult(version, digest, tuple(contents), _write_all(contents))


def current_app(environment: Environment) -> str:
    """Return the app that is developed here, as a push would name it; raise NoProvenance where that cannot be told."""
    found = provenance.collect(
        provenance.ProvenanceOptions(tag="any"),
        ci.detect(environment),
        git_worktree.read(environment),
        environment.cwd,
    )
    return found.app


def _verified(lock: str, digest: str, name: str) -> str:
    """Return a lock that is what the version says it is; a server that says otherwise is not believed."""
    try:
        expected = digests.parse(digest)
        found = hashlib.new(expected.algorithm, lock.encode()).hexdigest()
    except ValueError as error:
        raise AlmError(f"the lock of {name} cannot be verified: {error}") from None
    if found != expected.value:
        raise DigestMismatch(
            f"the lock of {name} is not the one that was registered: it has {expected.algorithm}:{found}, "
            f"and {digest} was expected",
            "do not use it; `envmgr alm audit --verify` shows whether the server's records were changed",
        )
    return lock


def _contents(directory: str, lock: str, requests: str, name: str) -> dict[str, str]:
    """Return by path what is to be written, the lock last; raise AlmError for what envmgr could not read again."""
    path = os.path.join(directory, dotfile.NAME)
    try:
        lockfile_io.parse(lock, lockfile_io.path_beside(path))
        if requests:
            dotfile.parse(requests, path)
    except EnvmgrError as error:
        raise AlmError(
            f"what {name} was built with cannot be used here: {error.message}", error.hint
        ) from None
    return {**({path: requests} if requests else {}), lockfile_io.path_beside(path): lock}


def _require_same(contents: dict[str, str], name: str) -> None:
    others = [path for path, text in contents.items() if _content(path) not in {None, text}]
    if others:
        raise ProjectError(
            f"{' and '.join(others)} would be overwritten with what {name} has",
            "--force overwrites; to keep yours, check out in another directory (`-C DIR`)",
        )


def _content(path: str) -> str | None:
    content = read_bytes(path)
    return None if content is None else content.decode(errors="surrogateescape")


def _write_all(contents: dict[str, str]) -> tuple[str, ...]:
    """Write all files; where one cannot be written, put the ones before it back as they were."""
    before = {path: read_bytes(path) for path in contents}
    changed: list[str] = []
    try:
        for path, content in contents.items():
            if write_in_place(path, content):
                changed.append(path)
    except BaseException:
        for path in changed:
            _restore(path, before[path])
        raise
    return tuple(changed)


def _restore(path: str, content: bytes | None) -> None:
    if content is None:
        os.unlink(path)
    else:
        write_in_place(path, content.decode(errors="surrogateescape"))

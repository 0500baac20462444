"""Registering what was built, with the lock it was built with."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from envmgr.alm.push import artifacts, ci, delivery, git_worktree, provenance, spool
from envmgr.alm.push.spool import SpooledPush
from envmgr.kit.errors import (
    AlmRateLimited,
    AlmUnreachable,
    LockOutOfDate,
    MissingProvenance,
    NotSignedIn,
    Offline,
    StorageError,
)
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text
from envmgr.ops.alm.flush import FlushResult, flush
from envmgr.project import dotfile
from envmgr.project.lockfile_io import path_beside
from envmgr.resolve import lock_update

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.push.delivery import PushResult
    from envmgr.kit.errors import AlmError
    from envmgr.resolve.context import Context

SPOOLABLE_ERRORS = (AlmUnreachable, AlmRateLimited, Offline)
"""What may be over when the push is delivered later."""


@frozen
class PushOptions:
    """What flags say of a push; None is found out."""

    app: str | None = None
    tag: str | None = None
    artifacts: tuple[str, ...] = ()
    changelog: str | None = None
    commit: str | None = None
    ref: str | None = None
    require_lock: bool = False


@frozen
class PreparedPush:
    """A push, ready to go; `lock` is the file its lock was read from, None where there is none.

    `gaps` say in what that lock is not of the `.envmgr` beside it.
    """

    push: SpooledPush
    lock: str | None
    lock_digest: str | None
    gaps: tuple[str, ...] = ()


@frozen
class PushOutcome:
    """What became of a push: `delivered`, or `spooled` into a file for the `reason`; and of what waited before it."""

    prepared: PreparedPush
    result: PushResult | None
    spooled: str | None
    reason: str
    flushed: FlushResult


def prepare(context: Context, url: str, said: PushOptions) -> PreparedPush:
    """Put together what is to be said of the build here; nobody is asked but git."""
    environment = context.environment
    wanted = provenance.ProvenanceOptions(said.app, said.tag, said.commit, said.ref)
    run = ci.detect(environment)
    found = provenance.collect(
        wanted,
        run,
        git_worktree.read(environment, provenance.commit_of(wanted, run)),
        context.project.directory or environment.cwd,
    )
    toolchain, lock = _toolchain(context, require=said.require_lock)
    gaps = _gaps(context, lock) if lock else ()
    if gaps and said.require_lock:
        raise LockOutOfDate(
            f"{lock} is not of the .envmgr beside it: {', '.join(gaps)}",
            "`envmgr lock` brings it up to date; commit it, and build with that",
        )
    body = {
        "changelog": _changelog(said.changelog, environment.cwd),
        "commit": found.commit,
        "ref": found.ref,
        "artifacts": artifacts.read(said.artifacts, environment.cwd),
        "build": dict(found.build),
        **({"toolchain": toolchain} if toolchain else {}),
    }
    digest = toolchain["lock_digest"] if toolchain else None
    return PreparedPush(SpooledPush(url, found.app, found.tag, body), lock, digest, gaps)


def push(context: Context, api: Api, packed: PreparedPush) -> PushOutcome:
    """Deliver what waited before, then this."""
    try:
        return _pushed(context, api, packed)
    except SPOOLABLE_ERRORS as error:
        error.hint = f"{error.hint}; with --spool, a push is kept for when it is back"
        raise


def push_or_spool(context: Context, api: Api, packed: PreparedPush) -> PushOutcome:
    """Deliver what waited before, then this; where the server is away, or nobody is signed in, keep it for later.

    A token that the server refuses is an error all the same: waiting mends nothing then.
    """
    try:
        api.require_token()
    except (*SPOOLABLE_ERRORS, NotSignedIn) as error:
        return _spool(context, packed, error)
    try:
        return _pushed(context, api, packed)
    except SPOOLABLE_ERRORS as error:
        return _spool(context, packed, error)


def _spool(context: Context, packed: PreparedPush, error: AlmError | Offline) -> PushOutcome:
    try:
        path = spool.add(context.paths.spool, packed.push)
    except StorageError as trouble:
        name = f"{packed.push.app}@{packed.push.tag}"
        raise StorageError(
            f"{name} was not delivered ({error.message}), and not kept for later either: {trouble.message}",
            "push again when the server is back, or set ENVMGR_HOME to a directory that can keep it",
        ) from trouble
    return PushOutcome(packed, None, path, error.message, _NOTHING)


def _pushed(context: Context, api: Api, packed: PreparedPush) -> PushOutcome:
    before = flush(context, api)
    return PushOutcome(packed, delivery.push_version(api, packed.push), None, "", before)


_NOTHING = FlushResult((), (), ())


def _toolchain(context: Context, *, require: bool) -> tuple[dict[str, str] | None, str | None]:
    """Return what is sent of the lock, verbatim, and its path.

    Raise StaleLock if it must be there and is not, LockfileError for what is none.
    """
    path = context.project.path or os.path.join(context.environment.cwd, dotfile.NAME)
    lock = path_beside(path)
    text = context.locks.text(lock)
    if text is None:
        if require:
            raise LockOutOfDate(f"there is no {lock}", "`envmgr lock` writes it; commit it beside .envmgr")
        return None, None
    context.locks.lock(lock)  # raises for a file that is not a lock
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return {"lock": text, "lock_digest": digest, "dotfile": read_text(path) or ""}, lock


def _gaps(context: Context, lock: str) -> tuple[str, ...]:
    """Say in what a lock is not of the dotfile beside it; where there is none, nothing can be said."""
    beside = (file for file in context.project.files if path_beside(file.path) == lock)
    requests, locked = next(beside, None), context.locks.lock(lock)
    return lock_update.differences(locked, requests) if requests and locked else ()


def _changelog(text: str | None, cwd: str) -> str:
    """Return what is new, read from a file where it begins with `@`."""
    if not (text or "").startswith("@"):
        return text or ""
    path = os.path.join(cwd, (text or "")[1:])
    content = read_text(path)
    if content is None:
        raise MissingProvenance(
            f"there is no changelog {path}", "name a file that exists, or write the text itself"
        )
    return content

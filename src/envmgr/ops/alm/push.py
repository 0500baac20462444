"""Registration of a build with its lock file."""

from __future__ import annotations

import os

from envmgr.alm.push import artifacts, ci, delivery, git_worktree, provenance, spool
from envmgr.alm.push.spool import SpooledPush
from envmgr.kit.digest import sha256_of
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
from envmgr.project import dotfile, lock_differences
from envmgr.project.lockfile_io import path_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.push.delivery import PushResult
    from envmgr.kit.errors import AlmError
    from envmgr.resolve.context import Context

SPOOLABLE_ERRORS = (AlmUnreachable, AlmRateLimited, Offline)
"""Errors after which a later delivery may succeed."""


@frozen
class PushOptions:
    """Values of options; None is detected."""

    app: str | None = None
    tag: str | None = None
    artifacts: tuple[str, ...] = ()
    changelog: str | None = None
    commit: str | None = None
    ref: str | None = None
    require_lock: bool = False


@frozen
class PreparedPush:
    """A push that is ready to be sent; `lock` is the path of its lock file, if there is one.

    `gaps` are the differences between that lock and its `.envmgr`, `changes` the files that differ from the commit,
    `other_tags` those of the commit that were passed over.
    """

    push: SpooledPush
    lock: str | None
    lock_digest: str | None
    gaps: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    other_tags: tuple[str, ...] = ()


@frozen
class PushOutcome:
    """The outcome of a push: its `result`, or the file it was `spooled` to and why; and of queued pushes."""

    prepared: PreparedPush
    result: PushResult | None
    spooled: str | None
    reason: str
    flushed: FlushResult


def prepare(context: Context, url: str, options: PushOptions) -> PreparedPush:
    """Collect the content of a push; runs git, sends no request."""
    environment = context.environment
    provenance_options = provenance.ProvenanceOptions(options.app, options.tag, options.commit, options.ref)
    run = ci.detect(environment)
    commit = provenance.commit_of(provenance_options, run)
    worktree = git_worktree.read(environment, commit, meanwhile=context.http.preload)
    directory = context.project.directory or environment.cwd
    collected = provenance.collect(provenance_options, run, worktree, directory)
    toolchain, lock = _toolchain(context, require=options.require_lock)
    gaps = _gaps(context, lock) if lock else ()
    if gaps and options.require_lock:
        raise LockOutOfDate(
            f"{lock} is out of date: {', '.join(gaps)}",
            "run `envmgr lock`, commit and rebuild",
        )
    body = {
        "changelog": _changelog(options.changelog, environment.cwd),
        "commit": collected.commit,
        "ref": collected.ref,
        "artifacts": artifacts.read(options.artifacts, environment.cwd),
        "build": dict(collected.build),
        **({"toolchain": toolchain} if toolchain else {}),
    }
    digest = toolchain["lock_digest"] if toolchain else None
    spooled_push = SpooledPush(url, collected.app, collected.tag, body)
    return PreparedPush(spooled_push, lock, digest, gaps, worktree.changes, collected.other_tags)


def push(context: Context, api: Api, prepared: PreparedPush) -> PushOutcome:
    """Deliver queued pushes, then this one."""
    try:
        return _deliver(context, api, prepared)
    except SPOOLABLE_ERRORS as error:
        error.hint = f"{error.hint}; pass --spool to queue the push"
        raise


def push_or_spool(context: Context, api: Api, prepared: PreparedPush) -> PushOutcome:
    """Deliver queued pushes, then this one; queue it if the server is unavailable or without a token.

    A token that the server rejects is an error: a later delivery would fail as well.
    """
    try:
        api.require_token()
    except (*SPOOLABLE_ERRORS, NotSignedIn) as error:
        return _spool(context, prepared, error)
    try:
        return _deliver(context, api, prepared)
    except SPOOLABLE_ERRORS as error:
        return _spool(context, prepared, error)


def _spool(context: Context, prepared: PreparedPush, error: AlmError | Offline) -> PushOutcome:
    try:
        path = spool.add(context.paths.spool, prepared.push)
    except StorageError as storage_error:
        name = f"{prepared.push.app}@{prepared.push.tag}"
        raise StorageError(
            f"{name} was not delivered ({error.message}) and could not be queued: {storage_error.message}",
            "push again when the server is available, or set ENVMGR_HOME to a writable directory",
        ) from storage_error
    return PushOutcome(prepared, None, path, error.message, _NOTHING_FLUSHED)


def _deliver(context: Context, api: Api, prepared: PreparedPush) -> PushOutcome:
    flushed = flush(context, api)
    return PushOutcome(prepared, delivery.push_version(api, prepared.push), None, "", flushed)


_NOTHING_FLUSHED = FlushResult((), (), ())


def _toolchain(context: Context, *, require: bool) -> tuple[dict[str, str] | None, str | None]:
    """Return the lock as it is sent, verbatim, and its path.

    Raise LockOutOfDate if it is required and missing, LockfileError if it is invalid.
    """
    path = context.project.path or os.path.join(context.environment.cwd, dotfile.NAME)
    lock = path_beside(path)
    text = context.locks.text(lock)
    if text is None:
        if require:
            raise LockOutOfDate(f"{lock} not found", "run `envmgr lock`, and commit it beside .envmgr")
        return None, None
    context.locks.lock(lock)  # raises for a file that is not a lock
    digest = f"sha256:{sha256_of(text.encode())}"
    return {"lock": text, "lock_digest": digest, "dotfile": read_text(path) or ""}, lock


def _gaps(context: Context, lock: str) -> tuple[str, ...]:
    """Return the differences between a lock and its dotfile; none without a dotfile."""
    beside = (file for file in context.project.files if path_beside(file.path) == lock)
    requests, locked = next(beside, None), context.locks.lock(lock)
    return lock_differences.differences(locked, requests) if requests and locked else ()


def _changelog(text: str | None, cwd: str) -> str:
    """Return the changelog; `@` introduces the path of a file."""
    if not (text or "").startswith("@"):
        return text or ""
    path = os.path.join(cwd, (text or "")[1:])
    content = read_text(path)
    if content is None:
        raise MissingProvenance(
            f"changelog file {path} not found", "pass an existing file, or the text itself"
        )
    return content

"""Delivery of queued pushes, oldest first."""

from __future__ import annotations

from envmgr.alm.push import delivery, spool
from envmgr.kit.errors import AlmConflict, AlmError, AlmInvalidRequest, Forbidden
from envmgr.kit.frozen import frozen
from envmgr.kit.http.urls import server_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.push.spool import SpooledPush
    from envmgr.resolve.context import Context


@frozen
class DeliveredPush:
    """A delivered push."""

    app: str
    tag: str
    is_new: bool


@frozen
class RejectedPush:
    """A permanently rejected push, the reason, and its new path."""

    app: str
    tag: str
    reason: str
    path: str


@frozen
class PendingPush:
    """A push that stays queued, and the reason; `is_for_other`: it is for another server."""

    path: str
    reason: str
    is_for_other: bool


@frozen
class FlushResult:
    """The outcome of all queued pushes."""

    delivered: tuple[DeliveredPush, ...]
    rejected: tuple[RejectedPush, ...]
    pending: tuple[PendingPush, ...]


def flush(context: Context, api: Api) -> FlushResult:
    """Deliver the pushes queued for this server; raise AlmError if unreachable or unauthorized."""
    directory = context.paths.spool
    if not spool.pending(directory):
        return FlushResult((), (), ())
    from envmgr.kit.file_locks import file_lock

    with file_lock(context.paths, spool.LOCK_NAME):
        outcomes = [_outcome(api, path) for path in spool.pending(directory)]
    return FlushResult(
        tuple(outcome for outcome in outcomes if isinstance(outcome, DeliveredPush)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, RejectedPush)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, PendingPush)),
    )


def flush_or_fail(context: Context, api: Api) -> FlushResult:
    """Deliver queued pushes as `flush` does; the hint of an error counts those still queued."""
    try:
        return flush(context, api)
    except AlmError as error:
        count = len(spool.pending(context.paths.spool))
        pushes = f"{count} push{'' if count == 1 else 'es'}"
        error.hint = f"{error.hint or 'retry later'}; {pushes} still queued in {context.paths.spool}"
        raise


def _outcome(api: Api, path: str) -> DeliveredPush | RejectedPush | PendingPush:
    try:
        push = spool.read(path)
    except AlmError as error:
        return RejectedPush("", "", error.message, spool.reject(path, error.message))
    if server_identity(push.url) != server_identity(api.url):
        return PendingPush(path, f"queued for {push.url}", is_for_other=True)
    return _deliver(api, path, push)


def _deliver(api: Api, path: str, push: SpooledPush) -> DeliveredPush | RejectedPush | PendingPush:
    try:
        result = delivery.push_version(api, push)
    except (AlmConflict, AlmInvalidRequest) as error:
        return RejectedPush(push.app, push.tag, error.message, spool.reject(path, error.message))
    except Forbidden as error:  # other credentials may have the permission
        return PendingPush(path, error.message, is_for_other=False)
    spool.remove(path)
    return DeliveredPush(push.app, push.tag, result.is_new)

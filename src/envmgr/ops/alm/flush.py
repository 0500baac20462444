"""Delivering what waits in the spool, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.push import delivery, spool
from envmgr.kit.errors import AlmConflict, AlmError, AlmInvalidRequest, Forbidden
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.push.spool import SpooledPush
    from envmgr.resolve.context import Context


@frozen
class DeliveredPush:
    """A version that waited, and is registered now."""

    app: str
    tag: str
    is_new: bool


@frozen
class RejectedPush:
    """A version that will never be registered, why, and where what was to be said of it is now."""

    app: str
    tag: str
    reason: str
    path: str


@frozen
class PendingPush:
    """A file that goes on waiting, and why; `is_for_other`: it is for another server."""

    path: str
    reason: str
    is_for_other: bool


@frozen
class FlushResult:
    """What became of what waited."""

    delivered: tuple[DeliveredPush, ...]
    rejected: tuple[RejectedPush, ...]
    pending: tuple[PendingPush, ...]


def flush(context: Context, api: Api) -> FlushResult:
    """Deliver what waits for this server. Raise AlmError where it cannot be reached, or does not know who asks."""
    directory = context.paths.spool
    if not spool.pending(directory):
        return FlushResult((), (), ())
    with file_lock(context.paths, spool.LOCK):
        outcomes = [_outcome(api, path) for path in spool.pending(directory)]
    return FlushResult(
        tuple(one for one in outcomes if isinstance(one, DeliveredPush)),
        tuple(one for one in outcomes if isinstance(one, RejectedPush)),
        tuple(one for one in outcomes if isinstance(one, PendingPush)),
    )


def flush_or_fail(context: Context, api: Api) -> FlushResult:
    """Deliver what waits for this server, as `flush`; an error says what goes on waiting."""
    try:
        return flush(context, api)
    except AlmError as error:
        count = len(spool.pending(context.paths.spool))
        waiting = "one push goes" if count == 1 else f"{count} pushes go"
        error.hint = f"{error.hint or 'try again later'}; {waiting} on waiting in {context.paths.spool}"
        raise


def _outcome(api: Api, path: str) -> DeliveredPush | RejectedPush | PendingPush:
    try:
        parcel = spool.read(path)
    except AlmError as error:
        return RejectedPush("", "", error.message, spool.reject(path, error.message))
    if parcel.url != api.url:
        return PendingPush(path, f"it is for {parcel.url}", is_for_other=True)
    return _sent(api, path, parcel)


def _sent(api: Api, path: str, parcel: SpooledPush) -> DeliveredPush | RejectedPush | PendingPush:
    try:
        done = delivery.push_version(api, parcel)
    except (AlmConflict, AlmInvalidRequest) as error:
        return RejectedPush(parcel.app, parcel.tag, error.message, spool.reject(path, error.message))
    except Forbidden as error:  # another credential may be allowed to
        return PendingPush(path, error.message, is_for_other=False)
    spool.remove(path)
    return DeliveredPush(parcel.app, parcel.tag, done.is_new)

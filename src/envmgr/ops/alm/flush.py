"""Delivering what waits in the spool, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.push import delivery, spool
from envmgr.kit.errors import AlmConflict, AlmError, AlmInvalid, Forbidden
from envmgr.kit.file_locks import holding
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.push.spool import Parcel
    from envmgr.resolve.context import Context


@frozen
class Sent:
    """A version that waited, and is registered now."""

    app: str
    tag: str
    is_new: bool


@frozen
class Refused:
    """A version that will never be registered, why, and where what was to be said of it is now."""

    app: str
    tag: str
    reason: str
    path: str


@frozen
class Kept:
    """A file that goes on waiting, and why; `is_for_other`: it is for another server."""

    path: str
    reason: str
    is_for_other: bool


@frozen
class Flushed:
    """What became of what waited."""

    sent: tuple[Sent, ...]
    refused: tuple[Refused, ...]
    kept: tuple[Kept, ...]


def flush(context: Context, api: Api) -> Flushed:
    """Deliver what waits for this server. Raise AlmError where it cannot be reached, or does not know who asks."""
    directory = context.paths.spool
    if not spool.waiting(directory):
        return Flushed((), (), ())
    with holding(context.paths, spool.LOCK):
        outcomes = [_outcome(api, path) for path in spool.waiting(directory)]
    return Flushed(
        tuple(one for one in outcomes if isinstance(one, Sent)),
        tuple(one for one in outcomes if isinstance(one, Refused)),
        tuple(one for one in outcomes if isinstance(one, Kept)),
    )


def flush_all(context: Context, api: Api) -> Flushed:
    """Deliver what waits for this server, as `flush`; an error says what goes on waiting."""
    try:
        return flush(context, api)
    except AlmError as error:
        count = len(spool.waiting(context.paths.spool))
        waiting = "one push goes" if count == 1 else f"{count} pushes go"
        error.hint = f"{error.hint or 'try again later'}; {waiting} on waiting in {context.paths.spool}"
        raise


def _outcome(api: Api, path: str) -> Sent | Refused | Kept:
    try:
        parcel = spool.read(path)
    except AlmError as error:
        return Refused("", "", error.message, spool.refuse(path, error.message))
    if parcel.url != api.url:
        return Kept(path, f"it is for {parcel.url}", is_for_other=True)
    return _sent(api, path, parcel)


def _sent(api: Api, path: str, parcel: Parcel) -> Sent | Refused | Kept:
    try:
        done = delivery.deliver(api, parcel)
    except (AlmConflict, AlmInvalid) as error:
        return Refused(parcel.app, parcel.tag, error.message, spool.refuse(path, error.message))
    except Forbidden as error:  # another credential may be allowed to
        return Kept(path, error.message, is_for_other=False)
    spool.remove(path)
    return Sent(parcel.app, parcel.tag, done.is_new)

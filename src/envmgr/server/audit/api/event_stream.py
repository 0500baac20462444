"""Audit log as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each entry is one message with its `seq` as ID, so that a disconnected client resumes by `Last-Event-ID`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from envmgr.server.contracts.resources import AuditEntry

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE = 5.0
"""Seconds without a message until a keep-alive comment is sent and the credential checked."""

MAX_DURATION_SECONDS = 900.0
"""Seconds until a stream ends, so that the client reconnects with a valid credential."""

_RETRY = b"retry: 1000\n\n"
_KEEP_ALIVE_COMMENT = b": still here\n\n"
_encode = msgspec.json.Encoder().encode


async def stream(
    entries: AsyncIterator[AuditEntry],
    is_authorized: Callable[[], Awaitable[bool]],
    keep_alive: float = KEEP_ALIVE,
    max_duration: float = MAX_DURATION_SECONDS,
) -> AsyncIterator[bytes]:
    """Yield entries as messages while the caller is authorized; nothing is read ahead."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + max_duration
    coming: asyncio.Task[AuditEntry | None] = asyncio.create_task(_next(entries))
    try:
        yield _RETRY
        while (left := ends - loop.time()) > 0:
            await asyncio.wait({coming}, timeout=min(keep_alive, left))
            if not await is_authorized():
                return
            if not coming.done():
                yield _KEEP_ALIVE_COMMENT
                continue
            entry = coming.result()
            if entry is None:
                return
            coming = asyncio.create_task(_next(entries))
            yield message(entry)
    finally:
        coming.cancel()


def message(entry: AuditEntry) -> bytes:
    """Return an entry as one message; JSON contains no line breaks."""
    return b"id: %d\ndata: %b\n\n" % (entry.seq, _encode(entry))


async def _next(entries: AsyncIterator[AuditEntry]) -> AuditEntry | None:
    """Return the next entry; None at the end, or while the log is unavailable: the client resumes later."""
    try:
        return await anext(entries, None)
    except ServiceUnavailable:
        return None

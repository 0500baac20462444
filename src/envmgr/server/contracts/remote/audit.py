"""The port of the audit service, over gRPC."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from envmgr.server.contracts.proto import audit_pb2 as pb
from envmgr.server.contracts.proto.audit_pb2_grpc import AuditServiceStub
from envmgr.server.contracts.remote.calls import encode_conditions, encode_page
from envmgr.server.contracts.remote.codecs import AUDIT_ENTRY, CHECKPOINT, LOG_STATS
from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.results import Result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from envmgr.server.contracts.resources import AuditEntry, Checkpoint, LogStats
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import PageRequest
    from envmgr.server.kit.grpc.channel import PeerChannel

T = TypeVar("T")
POLL_TIMEOUT_SECONDS = 25.0
"""Longer than the server waits for new entries."""


class RemoteAudit:
    """The audit log of another process (implements `contracts.ports.Audit`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = AuditServiceStub(peer.channel)
        self._closing = asyncio.Event()

    def close_streams(self) -> None:
        """End all streams."""
        self._closing.set()

    async def list(
        self, context: RequestContext, paging: PageRequest, since: int | None, until: int | None
    ) -> Page[AuditEntry]:
        """Return a page of entries; of events from `since` to before `until` (milliseconds since 1970)."""
        response = await self._peer.call(
            self._stub.ListEntries,
            lambda: pb.ListEntriesRequest(page=encode_page(paging), since=since, until=until),
            context,
        )
        return Page(
            [AUDIT_ENTRY.decode(item) for item in response.entries],
            response.next if response.HasField("next") else None,
        )

    async def get(self, context: RequestContext, seq: int) -> AuditEntry:
        """Return an entry."""
        response = await self._peer.call(self._stub.GetEntry, lambda: pb.GetEntryRequest(seq=seq), context)
        return AUDIT_ENTRY.decode(response.entry)

    async def newest(self, context: RequestContext, limit: int) -> Sequence[AuditEntry]:
        """Return the newest entries, newest first."""
        response = await self._peer.call(
            self._stub.ListNewestEntries, lambda: pb.ListNewestEntriesRequest(limit=limit), context
        )
        return [AUDIT_ENTRY.decode(item) for item in response.entries]

    async def checkpoints(self, context: RequestContext, paging: PageRequest) -> Page[Checkpoint]:
        """Return a page of checkpoints."""
        response = await self._peer.call(
            self._stub.ListCheckpoints, lambda: pb.ListCheckpointsRequest(page=encode_page(paging)), context
        )
        return Page(
            [CHECKPOINT.decode(item) for item in response.checkpoints],
            response.next if response.HasField("next") else None,
        )

    async def checkpoint(self, context: RequestContext) -> Result[Checkpoint]:
        """Sign the head of the chain."""
        response = await self._peer.call(
            self._stub.CreateCheckpoint,
            lambda: pb.CreateCheckpointRequest(conditions=encode_conditions(context)),
            context,
        )
        return Result(
            CHECKPOINT.decode(response.checkpoint), created=response.created, replayed=response.replayed
        )

    async def stats(self, context: RequestContext) -> LogStats:
        """Return the length of the log, what it recorded of each source, and its dead letters."""
        response = await self._peer.call(self._stub.GetLogStats, pb.GetLogStatsRequest, context)
        return LOG_STATS.decode(response.stats)

    async def follow(self, context: RequestContext, after: int | None) -> AsyncIterator[AuditEntry]:
        """Yield entries after a sequence number as they arrive; without one, new entries.

        Each poll is a call of its own: it can be repeated, moves to another replica, and ends with the credential.
        """
        is_open = True
        while is_open:
            poll = self._peer.call(
                self._stub.PollEntries,
                partial(pb.PollEntriesRequest, after=after),
                context,
                POLL_TIMEOUT_SECONDS,
            )
            response = await _unless_set(self._closing, poll)
            if response is None:
                return
            for entry in response.entries:
                yield AUDIT_ENTRY.decode(entry)
            after, is_open = response.after, not response.closed


async def _unless_set(event: asyncio.Event, work: Coroutine[object, object, T]) -> T | None:
    """Return the result of a coroutine; cancel it and return None once an event is set."""
    tasks = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return None if event.is_set() else tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()

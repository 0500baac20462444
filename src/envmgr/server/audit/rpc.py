"""gRPC methods of the audit log."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import audit_pb2 as pb
from envmgr.server.contracts.proto.audit_pb2_grpc import (
    AuditServiceServicer,
    add_AuditServiceServicer_to_server,
)
from envmgr.server.contracts.remote.calls import call_context, decode_page
from envmgr.server.contracts.remote.codecs import AUDIT_ENTRY, CHECKPOINT, LOG_STATS
from envmgr.server.kit.grpc.call import RpcService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from envmgr.server.contracts.ports.audit import Audit
    from envmgr.server.contracts.resources import AuditEntry
    from envmgr.server.kit.grpc.call import MethodPolicy

POLL_SECONDS, GATHER_SECONDS = 15.0, 0.05
"""Seconds to wait for the first entry, and then for more."""
MAX_POLL_ENTRIES, MAX_NEWEST_ENTRIES = 100, 1000
_READ: MethodPolicy = ("audit:read",)
POLICIES: dict[str, MethodPolicy] = {
    "ListEntries": _READ,
    "GetEntry": _READ,
    "ListNewestEntries": _READ,
    "ListCheckpoints": _READ,
    "CreateCheckpoint": _READ,  # the service requires an admin
    "GetLogStats": _READ,
    "PollEntries": _READ,
}


def rpc_service(audit: Audit) -> RpcService:
    """Create the gRPC service."""
    return RpcService(
        name=pb.DESCRIPTOR.services_by_name["AuditService"].full_name,
        policies=POLICIES,
        add=lambda server: add_AuditServiceServicer_to_server(_AuditServicer(audit), server),
    )


class _AuditServicer(AuditServiceServicer):
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def ListEntries(self, request: pb.ListEntriesRequest, context: object) -> pb.ListEntriesResponse:
        page = await self._audit.list(
            call_context(),
            decode_page(request.page),
            request.since if request.HasField("since") else None,
            request.until if request.HasField("until") else None,
        )
        return pb.ListEntriesResponse(entries=map(AUDIT_ENTRY.encode, page.items), next=page.next)

    async def GetEntry(self, request: pb.GetEntryRequest, context: object) -> pb.GetEntryResponse:
        value = await self._audit.get(call_context(), request.seq)
        return pb.GetEntryResponse(entry=AUDIT_ENTRY.encode(value))

    async def ListNewestEntries(
        self, request: pb.ListNewestEntriesRequest, context: object
    ) -> pb.ListNewestEntriesResponse:
        return pb.ListNewestEntriesResponse(
            entries=[
                AUDIT_ENTRY.encode(entry)
                for entry in await self._audit.newest(call_context(), min(request.limit, MAX_NEWEST_ENTRIES))
            ]
        )

    async def ListCheckpoints(
        self, request: pb.ListCheckpointsRequest, context: object
    ) -> pb.ListCheckpointsResponse:
        page = await self._audit.checkpoints(call_context(), decode_page(request.page))
        return pb.ListCheckpointsResponse(checkpoints=map(CHECKPOINT.encode, page.items), next=page.next)

    async def CreateCheckpoint(
        self, request: pb.CreateCheckpointRequest, context: object
    ) -> pb.CreateCheckpointResponse:
        result = await self._audit.checkpoint(call_context(request.conditions))
        return pb.CreateCheckpointResponse(
            checkpoint=CHECKPOINT.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def GetLogStats(self, request: pb.GetLogStatsRequest, context: object) -> pb.GetLogStatsResponse:
        value = await self._audit.stats(call_context())
        return pb.GetLogStatsResponse(stats=LOG_STATS.encode(value))

    async def PollEntries(self, request: pb.PollEntriesRequest, context: object) -> pb.PollEntriesResponse:
        caller = call_context()
        if not request.HasField("after"):
            return pb.PollEntriesResponse(after=(await self._audit.stats(caller)).last_seq)
        entries: list[AuditEntry] = []
        is_closed = await _gather(self._audit.follow(caller, request.after), entries)
        last = entries[-1].seq if entries else request.after
        return pb.PollEntriesResponse(entries=map(AUDIT_ENTRY.encode, entries), after=last, closed=is_closed)


async def _gather(stream: AsyncIterator[AuditEntry], entries: list[AuditEntry]) -> bool:
    """Append entries of a stream until it has no more for the moment; return whether it ended."""
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(POLL_SECONDS) as limit:
            async for entry in stream:
                if not entries:
                    limit.reschedule(loop.time() + GATHER_SECONDS)
                entries.append(entry)
                if len(entries) == MAX_POLL_ENTRIES:
                    return False
            return True
    return False

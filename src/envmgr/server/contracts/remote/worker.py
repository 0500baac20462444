"""The port of the worker's state, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import worker_pb2 as pb
from envmgr.server.contracts.proto.worker_pb2_grpc import WorkerServiceStub

if TYPE_CHECKING:
    from envmgr.server.kit.grpc.channel import PeerChannel


class RemoteWorkerState:
    """The state of the worker in another process (implements `contracts.ports.WorkerState`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = WorkerServiceStub(peer.channel)

    async def event_counts(self) -> dict[str, float]:
        """Return the number of events by type."""
        return dict((await self._peer.call(self._stub.CountEvents, pb.CountEventsRequest)).counts)

    async def problems(self) -> list[str]:
        """Return a line for each relay or job loop that fails."""
        return list((await self._peer.call(self._stub.ListProblems, pb.ListProblemsRequest)).problems)

"""gRPC methods of the worker's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import worker_pb2 as pb
from envmgr.server.contracts.proto.worker_pb2_grpc import (
    WorkerServiceServicer,
    add_WorkerServiceServicer_to_server,
)
from envmgr.server.kit.grpc.call import RpcService

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.worker import WorkerState
    from envmgr.server.kit.grpc.call import MethodPolicy

POLICIES: dict[str, MethodPolicy] = {"CountEvents": (), "ListProblems": ()}
"""Read for metrics and readiness, without a principal."""


def rpc_service(worker: WorkerState) -> RpcService:
    """Create the gRPC service."""
    return RpcService(
        name=pb.DESCRIPTOR.services_by_name["WorkerService"].full_name,
        policies=POLICIES,
        add=lambda server: add_WorkerServiceServicer_to_server(_WorkerServicer(worker), server),
    )


class _WorkerServicer(WorkerServiceServicer):
    def __init__(self, worker: WorkerState) -> None:
        self._worker = worker

    async def CountEvents(self, request: pb.CountEventsRequest, context: object) -> pb.CountEventsResponse:
        return pb.CountEventsResponse(counts=await self._worker.event_counts())

    async def ListProblems(self, request: pb.ListProblemsRequest, context: object) -> pb.ListProblemsResponse:
        return pb.ListProblemsResponse(problems=await self._worker.problems())

"""gRPC method of the state of a service's events, the same in every service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import event_state_pb2 as pb
from envmgr.server.contracts.proto.event_state_pb2_grpc import (
    EventStateServiceServicer,
    add_EventStateServiceServicer_to_server,
)
from envmgr.server.contracts.remote.codecs import EVENT_STATE
from envmgr.server.kit.grpc.call import RpcService

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from envmgr.server.kit.grpc.call import MethodPolicy
    from envmgr.server.kit.messaging.event_state import EventState

POLICIES: dict[str, MethodPolicy] = {"GetEventState": ()}
"""Read by services for themselves, without a principal."""


def rpc_service(read_state: Callable[[], Awaitable[EventState]]) -> RpcService:
    """Create the gRPC service."""
    return RpcService(
        name=pb.DESCRIPTOR.services_by_name["EventStateService"].full_name,
        policies=POLICIES,
        add=lambda server: add_EventStateServiceServicer_to_server(_EventStateServicer(read_state), server),
        polled_methods=frozenset(POLICIES),
    )


class _EventStateServicer(EventStateServiceServicer):
    def __init__(self, read_state: Callable[[], Awaitable[EventState]]) -> None:
        self._read_state = read_state

    async def GetEventState(
        self, request: pb.GetEventStateRequest, context: object
    ) -> pb.GetEventStateResponse:
        return pb.GetEventStateResponse(state=EVENT_STATE.encode(await self._read_state()))

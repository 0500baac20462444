"""The state of events of other services, as last known over gRPC."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import event_state_pb2 as pb
from envmgr.server.contracts.proto.event_state_pb2_grpc import EventStateServiceStub
from envmgr.server.contracts.remote.codecs import EVENT_STATE
from envmgr.server.kit.common.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.kit.grpc.channel import PeerChannel
    from envmgr.server.kit.messaging.event_state import ConsumerState, EventState

POLL_TIMEOUT_SECONDS = 2.0
POLL_INTERVAL_SECONDS = 2.0
_NO_OFFSETS: Mapping[str, int] = MappingProxyType({})


class _RemoteSubscriber:
    """A consumer of another process (implements `kit.messaging.event_state.Subscriber`)."""

    def __init__(self, state: ConsumerState) -> None:
        self.consumer = state.name
        self.types = frozenset(state.types)
        self.offsets = state.offsets


class RemoteEventState:
    """The last known state of another service's events.

    Implements `Consumers` and `EventSource` of `kit.messaging.event_state`. Offsets only grow: what was known once
    holds, whether or not the service can be asked again.
    """

    def __init__(self, peer: PeerChannel) -> None:
        self.service = peer.peer
        self.state: EventState | None = None
        self._peer = peer
        self._stub = EventStateServiceStub(peer.channel)
        self._subscribers: Sequence[_RemoteSubscriber] = ()

    async def refresh(self) -> None:
        """Ask the service; keep what is known if it does not answer."""
        try:
            response = await self._peer.call(
                self._stub.GetEventState, pb.GetEventStateRequest, timeout_seconds=POLL_TIMEOUT_SECONDS
            )
        except Problem:
            return
        self.state = EVENT_STATE.decode(response.state)
        self._subscribers = [_RemoteSubscriber(consumer) for consumer in self.state.consumers]

    @property
    def refusal(self) -> str:
        """Return why the service refuses this one's token, if it does."""
        return self._peer.refusal

    @property
    def is_known(self) -> bool:
        """Return whether the service was ever asked."""
        return self.state is not None

    @property
    def subscriptions(self) -> Sequence[_RemoteSubscriber]:
        """Return the consumers that are known."""
        return self._subscribers

    async def offsets(self, consumer: str) -> Mapping[str, int]:
        """Return a consumer's offsets by service."""
        return next((item.offsets for item in self._subscribers if item.consumer == consumer), _NO_OFFSETS)

    async def offsets_in(self, service: str) -> Mapping[str, int]:
        """Return the known offsets in the events of a service."""
        return {item.consumer: item.offsets[service] for item in self._subscribers if service in item.offsets}

    async def consumed_sequence(self, consumer: str) -> int | None:
        """Return the highest offset that a consumer ever reported to the service; None if it is unknown."""
        return None if self.state is None else self.state.reported_offsets.get(consumer, 0)


class PeerEventStates:
    """The last known states of the events of all other services."""

    def __init__(self, peers: Sequence[RemoteEventState]) -> None:
        self.peers = peers

    @property
    def known(self) -> Mapping[str, EventState]:
        """Return the states by service, except of services that were never reached."""
        return {peer.service: peer.state for peer in self.peers if peer.state is not None}

    @property
    def unknown(self) -> Sequence[str]:
        """Return the services that were never reached."""
        return [peer.service for peer in self.peers if not peer.is_known]

    @property
    def refusals(self) -> Mapping[str, str]:
        """Return why services refuse this one's token, by service."""
        return {peer.service: peer.refusal for peer in self.peers if peer.refusal}

    async def refresh(self) -> None:
        """Ask all services at once."""
        await asyncio.gather(*(peer.refresh() for peer in self.peers))

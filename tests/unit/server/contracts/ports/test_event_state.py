"""The state of events over gRPC: lag, older copies and rewinding across processes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from envmgr.server.contracts.remote.event_state import PeerEventStates, RemoteEventState
from envmgr.server.contracts.remote.event_state_rpc import rpc_service
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.event_state import ConsumerState, EventState
from envmgr.server.kit.messaging.older_copies import find_older_copy
from support.services.remote_ports import Principals, connected, serving

AUDIT = EventState(0, {}, (ConsumerState("audit", ("*",), {"app": 7}),))
APP = EventState(9, {"audit": 7, "deployment": 5}, ())


class Outbox:
    """The outbox of the app service: nine events."""

    service = "app"

    def __init__(self, latest=9):
        self._latest = latest

    async def latest_sequence(self):
        return self._latest

    async def count_between(self, after, up_to, _types):
        return max(0, up_to - after)

    async def first_after(self, sequence, _types):
        return sequence + 1 if sequence < self._latest else None


class Consumers:
    """The consumers of the deployment service."""

    service = "deployment"
    is_known = True

    def __init__(self, offset):
        self._offset = offset
        self.subscriptions = [RemoteSubscription()]

    async def offsets(self, _consumer):
        return {"app": self._offset}


class RemoteSubscription:
    consumer = "deployment"
    types = frozenset({"AppCreated"})


class FlakyState:
    """A state that can be away."""

    def __init__(self, state):
        self.state = state
        self.is_away = False

    async def read(self):
        if self.is_away:
            raise ServiceUnavailable("away")
        return self.state


def run(state, scenario):
    """Run a scenario with a peer's state, asked over a real server."""

    async def main():
        source = FlakyState(state)
        async with (
            serving([rpc_service(source.read)], Principals()) as address,
            connected(address, caller="version") as channel,
        ):
            await scenario(source, RemoteEventState(channel))

    asyncio.run(main())


def test_a_state_crosses_the_wire():
    async def scenario(_source, remote):
        assert (remote.service, remote.is_known, await remote.consumed_sequence("audit")) == (
            "app",
            False,
            None,
        )
        await remote.refresh()
        assert remote.state == APP
        assert (remote.is_known, await remote.consumed_sequence("audit")) == (True, 7)
        assert await remote.consumed_sequence("other") == 0

    run(APP, scenario)


def test_consumers_of_another_process_have_a_lag():
    async def scenario(_source, remote):
        lag = ConsumerLag([Outbox()], [remote])
        assert (await lag.by_consumer(), await lag.offsets("app")) == ({}, {})
        await remote.refresh()
        assert (await lag.by_consumer(), await lag.offsets("app")) == ({"audit": 2}, {"audit": 7})
        assert await remote.offsets("other") == {}

    run(AUDIT, scenario)


def test_the_lag_of_all_consumers_is_of_one_moment():
    class GrowingOutbox(Outbox):
        async def latest_sequence(self):
            self._latest += 1
            return self._latest

    consumers = [Consumers(7), Consumers(7)]
    consumers[1].subscriptions = [SimpleNamespace(consumer="audit", types=frozenset({"*"}))]
    lag = ConsumerLag([GrowingOutbox()], consumers)
    assert asyncio.run(lag.by_consumer()) == {"deployment": 3, "audit": 3}


def test_what_an_unknown_consumer_has_is_not_taken_for_consumed():
    async def scenario(_source, remote):
        lag = ConsumerLag([Outbox()], [remote])
        assert await lag.consumed_by_all(Outbox()) == 0
        await remote.refresh()
        assert await lag.consumed_by_all(Outbox()) == 7

    run(AUDIT, scenario)


def test_a_peer_that_is_away_is_known_as_it_was():
    async def scenario(source, remote):
        states = PeerEventStates([remote])
        assert (dict(states.known), states.unknown) == ({}, ["app"])
        await states.refresh()
        source.is_away = True
        await states.refresh()
        assert (dict(states.known), states.unknown) == ({"app": APP}, [])

    run(APP, scenario)


def older(latest, offset, peers):
    return asyncio.run(find_older_copy(Outbox(latest), Consumers(offset), peers))


def test_databases_of_one_time_are_accepted():
    assert older(7, 5, {"audit": AUDIT}) == []
    assert older(9, 5, {"audit": AUDIT, "app": APP}) == []


def test_an_outbox_that_lacks_what_a_peer_has_received_is_an_older_copy():
    assert older(6, 5, {"audit": AUDIT}) == [
        "the database of app ends at event 6, but audit has received its event 7"
    ]


def test_a_consumer_that_lacks_what_it_reported_to_a_peer_is_an_older_copy():
    assert older(9, 4, {"app": APP}) == [
        "the database of deployment has received event 4 of app, but had received event 5"
    ]

from __future__ import annotations

from envmgr.server.audit import module
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import InProcessBus
from support.services.audit_fixtures import all_entries, event, events, run, verified
from support.services.queued_bus import FAST_DELIVERY
from support.services.service_fixtures import call


def on_the_bus(directory, scenario):
    """Run a scenario with the audit subscribed to a bus: `scenario(audit, bus, dead_letters)`."""

    async def main(audit, database):
        bus = InProcessBus(FAST_DELIVERY)
        parts = module.module(database, audit)
        for subscription in parts.subscriptions:
            bus.subscribe(subscription)
        await scenario(audit, bus, parts.dead_letters)

    run(directory, main)


def test_every_type_of_event_is_recorded_in_order(tmp_path):
    async def scenario(audit, bus, _):
        types = ["AppCreated", "VersionCreated", "DeploymentDeleted", "LoginFailed", "SomethingNew"]
        await bus.publish([event(number, type=type_) for number, type_ in enumerate(types, 1)])
        assert [entry["event"] for entry in await all_entries(audit)] == types

    on_the_bus(tmp_path, scenario)


def test_an_invalid_event_is_dead_lettered_and_the_others_are_written(tmp_path):
    async def scenario(audit, bus, dead_letters):
        batch = events(5)
        batch[2] = event(3, data={"rate": 0.5})
        await bus.publish(batch)
        entries = await all_entries(audit)
        assert [entry["source_sequence"] for entry in entries] == [1, 2, 4, 5]
        (dead_letter,) = await dead_letters.all()
        assert dead_letter.event.sequence == 3
        assert "integers" in dead_letter.error
        assert (await audit.stats(call())).missing == {"app": 1}

    on_the_bus(tmp_path, scenario)


def test_a_retried_dead_letter_closes_its_gap(tmp_path):
    async def scenario(audit, bus, dead_letters):
        # A dead letter of a transient failure, here created directly, is valid when it is retried.
        (subscription,) = bus.subscriptions
        await bus.publish([event(1), event(3)])
        await subscription.dead_letter(event(2), ServiceUnavailable("the disk was full"), 5)
        (dead_letter,) = await dead_letters.all()
        await dead_letters.retry(dead_letter.id)
        assert await dead_letters.all() == []
        assert verified(await all_entries(audit)) == []

    on_the_bus(tmp_path, scenario)

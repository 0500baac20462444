"""A full disk of the broker under load: writes go on, and their events wait."""

from __future__ import annotations

import pytest

from support.machine.small_disk import filled, needs_small_disk
from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import await_writes, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
    needs_small_disk(),
]
BACKLOG = 'alm_outbox_backlog{service="app"}'
WAITING_EVENTS = 10


def test_the_outbox_keeps_the_events_while_the_disk_of_the_broker_is_full(loaded):
    app = loaded.cluster.services["app"]
    with loaded.clients() as crew:
        with filled(loaded.broker.store):
            wait_until(lambda: app.metric(BACKLOG) >= WAITING_EVENTS, "a full disk stores events")
            await_writes(crew)
            wait_until(
                lambda: "failed deliveries" in app.readiness().get("events", ""), "readiness does not show it"
            )
            assert not app.is_ready()
        # NATS does not write to a stream again whose write has failed, until it is restarted.
        loaded.broker.kill()
        loaded.broker.start()
        wait_until(lambda: app.metric(BACKLOG) == 0, "the outbox does not drain")

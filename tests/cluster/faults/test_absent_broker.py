"""A broker that hangs and is away under load: writes go on, and their events wait."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import await_writes, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
AWAY_SECONDS = 60
"""From the time that the broker hangs: longer than every timeout of a client, and than its back-off grows."""
MAX_ATTEMPTS = 40
"""Connections that a process may attempt meanwhile: one that never backs off attempts hundreds."""
BACKLOG = 'alm_outbox_backlog{service="app"}'
OLDEST_EVENT_AGE = 'alm_outbox_oldest_event_age_seconds{service="app"}'


def test_the_outbox_keeps_the_events_while_the_broker_is_away(loaded):
    processes = loaded.cluster.processes
    app = loaded.cluster.services["app"]
    earlier_attempts = [attempts(process) for process in processes]
    with loaded.clients() as crew, absent(loaded.broker):
        since = time.monotonic()
        wait_until(lambda: all(is_disconnected(process) for process in processes), "a dead broker is ready")
        loaded.broker.kill()
        backlog = app.metric(BACKLOG)
        await_writes(crew)
        wait_until(lambda: app.metric(BACKLOG) > backlog, "the outbox does not grow")
        wait_until(lambda: app.metric(OLDEST_EVENT_AGE) > 1, "the age of the oldest event does not grow")
        with app.wire() as wire:
            problem = wire.ask("GET", "/readyz")
        assert problem.status == 503
        assert (
            f"bus: NATS JetStream at 127.0.0.1:{loaded.broker.port}: not connected: "
            in problem.json["detail"]
        )
        time.sleep(max(0.0, since + AWAY_SECONDS - time.monotonic()))
    excessive = {
        process.service: count
        for process, earlier in zip(processes, earlier_attempts, strict=True)
        if (count := attempts(process) - earlier) > MAX_ATTEMPTS
    }
    assert excessive == {}


@contextmanager
def absent(broker):
    """Pause the broker, and start it again at the end: other tests share it."""
    broker.pause()
    try:
        yield
    finally:
        broker.kill()
        broker.start()


def is_disconnected(process):
    """Return whether a process reports that it is not connected to the broker."""
    return "not connected" in process.readiness().get("bus", "")


def attempts(process):
    """Count the connections that a process lost or did not get."""
    return process.output.count('"bus_disconnected"')

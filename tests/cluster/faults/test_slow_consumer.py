"""A consumer that makes no progress under load: its lag is visible, and it catches up."""

from __future__ import annotations

import pytest

from envmgr.server.kit.messaging.nats_bus.names import consumer_of
from envmgr.server.kit.messaging.nats_bus.reader import BATCH_SIZE
from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import await_writes, wait_until
from support.services.database_runners import postgres_databases

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
CONSUMER = "audit-log"
LAG = f'alm_consumer_lag_events{{consumer="{CONSUMER}"}}'
LAG_EVENTS = 40
MAX_GROWTH_BYTES = 64 * 2**20


def test_a_consumer_with_a_locked_table_catches_up(loaded):
    app, audits = loaded.cluster.services["app"], loaded.cluster.replicas["audit"]
    sizes = [process.resident for process in audits]
    with loaded.clients() as crew:
        with locked_log(loaded.cluster):
            wait_until(lambda: app.metric(LAG) >= LAG_EVENTS, "the lag is not visible")
            await_writes(crew)
            wait_until(lambda: any("event_delivery_retry" in process.output for process in audits))
            unacknowledged, redelivered = deliveries(loaded)
            assert 0 < unacknowledged <= BATCH_SIZE
            assert redelivered == 0
        wait_until(lambda: app.metric(LAG) < LAG_EVENTS, "the consumer does not catch up")
    growth = max(process.resident - size for process, size in zip(audits, sizes, strict=True))
    assert growth < MAX_GROWTH_BYTES


def locked_log(cluster):
    """Return a context in which each transaction that appends to the audit log waits for a lock."""
    return postgres_databases().transaction("LOCK TABLE entry IN EXCLUSIVE MODE", cluster.database("audit"))


def deliveries(loaded):
    """Return how many events of apps the consumer has not acknowledged, and how many came again."""

    async def look(jetstream, names):
        (durable,) = [
            info
            for info in await jetstream.consumers_info(names.stream("app"))
            if consumer_of(info.name) == CONSUMER
        ]
        return durable.num_ack_pending, durable.num_redelivered

    return loaded.ask_broker(look)

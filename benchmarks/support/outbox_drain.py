"""Rate of a relay, by an outbox that was filled in one transaction."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import nats
from nats.js.api import StorageType, StreamConfig

if TYPE_CHECKING:
    from nats.aio.client import Client
    from support.local_cluster import Cluster

POLL_SECONDS = 0.01
BATCH_SIZE = 500
_MESSAGE = b"x" * 400
_FILL = """
INSERT INTO outbox_unnumbered (id, type, schema_version, subject, time, actor, traceparent, data)
SELECT gen_random_uuid()::text, 'AppCreated', 1, 'app/' || n,
  extract(epoch FROM now())::bigint * 1000, 'user:admin', '',
  '{"app_id":' || n || ',"name":"drain-' || n || '","description":"xxxxxxxxxxxxxxxxxxxx",'
  || '"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"}'
FROM generate_series($1::bigint, $2::bigint) n
"""
_ACKNOWLEDGED = "SELECT acknowledged_sequence FROM outbox_head"
_CONSUMED = "SELECT sequence FROM consumer_offset WHERE consumer = 'audit-log' AND service = 'app'"


@dataclass(frozen=True)
class Drain:
    """Events a second: until NATS has acknowledged all, and until the audit log has them."""

    relayed: float
    audited: float


def drain(cluster: Cluster, first_id: int, count: int) -> Drain:
    """Fill the outbox of the app service, whose relay is idle, and measure how fast it is drained."""
    return asyncio.run(_drain(cluster, first_id, count))


async def _drain(cluster: Cluster, first_id: int, count: int) -> Drain:
    app = await asyncpg.connect(cluster.database_url("alm_app"))
    audit = await asyncpg.connect(cluster.database_url("alm_audit"))
    try:
        last = (await app.fetchval("SELECT sequence FROM outbox_head")) + count
        async with app.transaction():
            await app.execute(_FILL, first_id, first_id + count - 1)
            await app.execute("NOTIFY alm_events")
        start = time.perf_counter()
        await _until_at_least(last, app, _ACKNOWLEDGED)
        relayed = time.perf_counter() - start
        await _until_at_least(last, audit, _CONSUMED)
        return Drain(count / relayed, count / (time.perf_counter() - start))
    finally:
        await app.close()
        await audit.close()


async def _until_at_least(sequence: int, connection: asyncpg.Connection, query: str) -> None:
    while await connection.fetchval(query) < sequence:  # noqa: ASYNC110 - another process changes it
        await asyncio.sleep(POLL_SECONDS)


def publish(cluster: Cluster, count: int) -> float:
    """Return the messages a second that one client publishes in batches and NATS stores, without a relay."""
    return asyncio.run(_publish(cluster, count))


async def _publish_batch(client: Client, batch_id: str) -> None:
    """Publish an atomic batch, as a relay does, but without ids."""
    for number in range(1, BATCH_SIZE):
        headers = {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}
        await client.publish("bench", _MESSAGE, headers=headers)
    headers = {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(BATCH_SIZE), "Nats-Batch-Commit": "1"}
    await client.jetstream().publish("bench", _MESSAGE, headers=headers)


async def _publish(cluster: Cluster, count: int) -> float:
    client = await nats.connect(cluster.bus_url)
    try:
        stream = client.jetstream()
        await stream.add_stream(
            StreamConfig("bench", subjects=["bench"], storage=StorageType.FILE, allow_atomic=True)
        )
        start = time.perf_counter()
        for number in range(count // BATCH_SIZE):
            await _publish_batch(client, str(number))
        seconds = time.perf_counter() - start
        await stream.delete_stream("bench")
        return count / seconds
    finally:
        await client.close()

"""Idempotent declaration of streams and of the leases' bucket.

Streams that exist stay as their operator configured them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nats.js import JetStreamContext
    from nats.js.kv import KeyValue

    from envmgr.server.kit.messaging.nats_bus.names import Names

RETENTION_SECONDS = 7 * 24 * 3600
"""Retention of events, consumed or not: as long as that of the outbox, which has them too."""
DUPLICATE_WINDOW_SECONDS = 120
LEASE_SECONDS = 10.0
"""Seconds until another process may take over the consumers of one that stopped renewing."""


async def declare(jetstream: JetStreamContext, names: Names, services: Iterable[str], replicas: int) -> None:
    """Create the streams that do not exist."""
    for service in services:
        try:
            await jetstream.stream_info(names.stream(service))
        except NotFoundError:
            await jetstream.add_stream(_stream(names, service, replicas))


async def declare_leases(jetstream: JetStreamContext, names: Names, replicas: int) -> KeyValue:
    """Return the bucket of the leases, in memory: with the broker, every lease ends."""
    return await jetstream.create_key_value(
        bucket=names.lease_bucket, ttl=LEASE_SECONDS, storage=StorageType.MEMORY, replicas=replicas
    )


def _stream(names: Names, service: str, replicas: int) -> StreamConfig:
    """Return the configuration of a stream; servers older than 2.12 ignore `allow_atomic`."""
    return StreamConfig(
        name=names.stream(service),
        subjects=[names.all_subjects(service)],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        max_age=RETENTION_SECONDS,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        num_replicas=replicas,
        allow_atomic=True,
    )

"""Idempotent declaration of topics, one for each service.

Topics that exist stay as their operator configured them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.admin import NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from envmgr.server.kit.messaging.kafka_bus.clients import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.admin import AIOKafkaAdminClient

RETENTION_MS = 7 * 24 * 3600 * 1000
"""Retention of events, consumed or not: as long as that of the outbox, which has them too."""
_PARTITIONS = 1


class DeclarationFailed(Exception):
    """The broker refused to create a topic."""


async def declare(admin: AIOKafkaAdminClient, topics: Iterable[str], replicas: int) -> None:
    """Create the topics that do not exist; raise DeclarationFailed."""
    existing = set(await admin.list_topics())
    missing = [_topic(name, replicas) for name in topics if name not in existing]
    if not missing:
        return
    response = await admin.create_topics(missing)
    for name, code, message in response.topic_errors:
        error = for_code(code)
        if error not in {NoError, TopicAlreadyExistsError}:
            raise DeclarationFailed(f"create topic {name}: {message or error.__name__}")


def _topic(name: str, replicas: int) -> NewTopic:
    return NewTopic(
        name,
        _PARTITIONS,
        replicas,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": str(RETENTION_MS),
            "max.message.bytes": str(MAX_RECORD_BYTES),
            "min.insync.replicas": str(replicas // 2 + 1),
        },
    )

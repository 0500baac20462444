"""How far the events of deployments are taken in: whoever answers from them must not answer from before one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from envmgr.server.contracts.events.deployment import (
    AutoDeploySkipped,
    DeploymentCreated,
    DeploymentDeleted,
    DeploymentUpdated,
    EnvironmentCreated,
    EnvironmentDeleted,
    EnvironmentUpdated,
)
from envmgr.server.contracts.problems import ProjectionBehind
from envmgr.server.kit.db.constructs import bind_columns, upsert
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.dead_letters import has_dead_letters
from envmgr.server.version.store.tables import consumer_offset

if TYPE_CHECKING:
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

CONSUMER, SOURCE = "version-placements", "deployment"
"""The consumer of what deployments tell, and who tells it."""
SOURCE_EVENT_TYPES = (
    *(DeploymentCreated.TYPE, DeploymentUpdated.TYPE, DeploymentDeleted.TYPE),
    *(EnvironmentCreated.TYPE, EnvironmentUpdated.TYPE, EnvironmentDeleted.TYPE),
    AutoDeploySkipped.TYPE,
)
"""Every type that deployments tell, also those that change no place: their numbers count as well."""
WAIT_TIMEOUT_SECONDS = 2.0
"""Seconds that an answer may wait for events."""
FIRST_POLL_SECONDS, POLL_INTERVAL_SECONDS = 0.005, 0.02
"""Seconds before looks at whether they came."""

_FIND_OFFSET = Statement(
    select(consumer_offset.c.sequence).where(consumer_offset.c.source == bindparam("source"))
)
_RECORD_OFFSET = Statement(
    upsert(
        consumer_offset,
        bind_columns("source", "sequence"),
        key=["source"],
        update=lambda new: {"sequence": new.sequence},
        where=lambda new: consumer_offset.c.sequence < new.sequence,
    )
)


def record_offset(transaction: Transaction, event: EventEnvelope) -> None:
    """Write down that everything up to an event was taken in, or buried."""
    transaction.execute(_RECORD_OFFSET, source=event.service, sequence=event.sequence)


async def wait_until_consumed(
    database: Database, up_to: int, timeout_seconds: float = WAIT_TIMEOUT_SECONDS
) -> None:
    """Return when what deployments told up to a number is taken in. Raise NotHeardYet."""
    until, pause = time.monotonic() + timeout_seconds, FIRST_POLL_SECONDS
    while await database.read_inline(_offset) < up_to:
        if time.monotonic() > until:
            raise ProjectionBehind("deployments were made that are still on their way here: ask again")
        await asyncio.sleep(pause)
        pause = POLL_INTERVAL_SECONDS


def _offset(reader: Reader) -> int:
    if has_dead_letters(reader, CONSUMER):
        raise ProjectionBehind(
            "an event of a deployment could not be taken in, and the answer would be wrong: "
            "see `envmgr-alm dead-letters list`",
            retry_after=60,
        )
    row = reader.one(_FIND_OFFSET, source=SOURCE)
    return int(row[0]) if row else 0

"""Read barrier: waits until the placements reflect all published deployment events (read-your-writes)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from envmgr.server.contracts.events.deployment import (
    AutoDeploySkipped,
    DeploymentCreated,
    DeploymentDeleted,
    DeploymentUpdated,
    EnvironmentCreated,
    EnvironmentDeleted,
    EnvironmentUpdated,
    PlacementsRepublished,
)
from envmgr.server.contracts.events.recovery import SequenceGapRecorded
from envmgr.server.contracts.problems import ProjectionBehind
from envmgr.server.kit.messaging import consumer_offsets
from envmgr.server.kit.messaging.dead_letters import has_dead_letters

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Database, Reader

CONSUMER, SOURCE = "version-placements", "deployment"
"""The consumer of deployment events, and their source."""
SOURCE_EVENT_TYPES = (
    *(DeploymentCreated.TYPE, DeploymentUpdated.TYPE, DeploymentDeleted.TYPE),
    *(EnvironmentCreated.TYPE, EnvironmentUpdated.TYPE, EnvironmentDeleted.TYPE),
    AutoDeploySkipped.TYPE,
    PlacementsRepublished.TYPE,
    SequenceGapRecorded.TYPE,
)
"""All types of the source, also those that change no placement: their sequence numbers count as well."""
WAIT_TIMEOUT_SECONDS = 2.0
"""Seconds that a response waits for pending events."""
FIRST_POLL_SECONDS, POLL_INTERVAL_SECONDS = 0.005, 0.02
"""Seconds between checks of the offset."""


async def wait_until_consumed(
    database: Database, up_to: int, timeout_seconds: float = WAIT_TIMEOUT_SECONDS
) -> None:
    """Wait until all deployment events up to a sequence number are consumed; raise ProjectionBehind."""
    deadline, interval = time.monotonic() + timeout_seconds, FIRST_POLL_SECONDS
    while await database.read_inline(_offset) < up_to:
        if time.monotonic() > deadline:
            raise ProjectionBehind("recent deployments are still being processed; retry")
        await asyncio.sleep(interval)
        interval = POLL_INTERVAL_SECONDS


def _offset(reader: Reader) -> int:
    if has_dead_letters(reader, CONSUMER):
        raise ProjectionBehind(
            "a deployment event is in the dead-letter queue, so the result would be incomplete: "
            "run `envmgr-alm dead-letters list` (with `--service version` if it runs separately)",
            retry_after=60,
        )
    return consumer_offsets.get(reader, CONSUMER, SOURCE)

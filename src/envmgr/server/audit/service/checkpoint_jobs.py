"""Jobs that publish checkpoints outside of the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from envmgr.server.contracts.resources import Checkpoint
from envmgr.server.kit.jobs import job_queue

if TYPE_CHECKING:
    from envmgr.server.audit.service.checkpoint_destinations import CheckpointDestination
    from envmgr.server.kit.db.sql import Transaction
    from envmgr.server.kit.jobs.job import Job
    from envmgr.server.kit.jobs.job_runner import JobHandler

PUBLISH_KIND = "audit-publish-checkpoint"


def enqueue(transaction: Transaction, checkpoint: Checkpoint) -> None:
    """Add the job of a new checkpoint, in its transaction."""
    key = f"{checkpoint.seq}-{checkpoint.timestamp}"
    job_queue.enqueue(transaction, PUBLISH_KIND, msgspec.structs.asdict(checkpoint), key=key)


def publish_handler(destination: CheckpointDestination) -> JobHandler:
    """Return what runs these jobs."""

    async def run(job: Job) -> None:
        await asyncio.to_thread(destination.publish, msgspec.convert(job.payload, Checkpoint))

    return run

"""A job in bounded units of work, which goes on where it was killed.

Each unit records how far it came, in the transaction of its effect and in the payload of the job.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from envmgr.server.kit.jobs import job_queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.jobs.job import Job
    from envmgr.server.kit.jobs.job_runner import JobHandler

    BatchStep = Callable[[Transaction, int], "Batch"]
    """Processes the rows after a position; may run again, as each unit of work."""


class Batch(Struct, frozen=True):
    """The rows that a step processed."""

    last: int | None
    """The position to go on after; None if no rows are left."""
    changes: int


class Progress(Struct, frozen=True):
    """Position and changes of a job so far; the payload of a new one is empty."""

    after: int = 0
    changes: int = 0


def batch_handler(database: Database, step: BatchStep) -> JobHandler:
    """Return what runs jobs of a kind, step by step."""

    async def run(job: Job) -> None:
        progress: Progress | None = msgspec.convert(job.payload, Progress)
        while progress is not None:
            progress = await database.write(partial(_run_step, job=job, step=step, progress=progress))

    return run


def _run_step(transaction: Transaction, job: Job, step: BatchStep, progress: Progress) -> Progress | None:
    """Process a batch; return the progress, or None after the last one; raise LeaseLost."""
    batch = step(transaction, progress.after)
    changes = progress.changes + batch.changes
    after = progress.after if batch.last is None else batch.last
    job_queue.save_payload(transaction, job, {"after": after, "changes": changes})
    if batch.last is None:
        job_queue.complete(transaction, job)
        return None
    return Progress(after, changes)

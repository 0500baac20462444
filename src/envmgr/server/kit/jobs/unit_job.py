"""A job of one unit of work, which is claimed, run and completed in the same transaction.

A process that is killed leaves such a job as it was, so that it waits for no lease; nor is that run counted. Only
what has failed before is claimed first: so its runs are counted, and it is dead after the last one. First runs are made
one at a time in each process.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from envmgr.server.kit.jobs import job_queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.jobs.job import Job
    from envmgr.server.kit.jobs.job_runner import JobHandler

    JobUnit = Callable[[Transaction, Job], None]
    """The effect of a job; may run again, as each unit of work."""


def run_unit(transaction: Transaction, job: Job, unit: JobUnit) -> None:
    """Run a claimed job and complete it, unless the unit of another job has; raise LeaseLost."""
    if not job_queue.is_finished(transaction, job):
        unit(transaction, job)
        job_queue.complete(transaction, job)


def unit_handler(database: Database, unit: JobUnit) -> JobHandler:
    """Return what runs a job whose claim is committed."""

    async def run(job: Job) -> None:
        await database.write(partial(run_unit, job=job, unit=unit))

    return run

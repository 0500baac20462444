"""Background jobs: each again and again at its interval, never twice at the same time, through restarts."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from envmgr.server.kit.common.clock import now_ms, rfc3339
from envmgr.server.kit.common.events import Event
from envmgr.server.worker import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.runtime.service_module import Job
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics

TRIES = 5
FIRST_WAIT = 1.0
"""Seconds before a failed job is tried again; each time twice as long as before."""
CONSUMER = "jobs"
FAILED = "JobFailed"


class Jobs:
    """Runs the jobs of every service.

    A job that fails `TRIES` times in a row leaves a dead letter, whose retry runs it once more, and goes on at its
    interval.
    """

    def __init__(
        self,
        database: Database,
        jobs: Sequence[Job],
        dead_letters: DeadLetters,
        log: Log,
        metrics: Metrics,
        *,
        first_wait: float = FIRST_WAIT,
    ) -> None:
        self._database = database
        self._jobs = {job.name: job for job in jobs}
        self._running = {job.name: asyncio.Lock() for job in jobs}
        self._letters = dead_letters.consumer(CONSUMER, [], self._again)
        self._log = log
        self._metrics = metrics
        self._first_wait = first_wait

    async def run(self) -> None:
        """Run them until cancelled."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs.values():
                group.create_task(self._keep(job), name=f"job {job.name}")

    async def _keep(self, job: Job) -> None:
        next_at, tries = await self._plan(job)
        while True:
            await asyncio.sleep(max(0.0, (next_at - now_ms()) / 1000))
            try:
                next_at, tries = await self._run(job, tries)
            except Exception as error:  # noqa: BLE001 - the worker's own database may be away for a while, too
                self._log.warning("a job's plan was not kept", job=job.name, reason=str(error))
                next_at = now_ms() + round(job.every * 1000)

    async def _plan(self, job: Job) -> tuple[int, int]:
        known = await self._database.read(lambda reader: store.plan_of(reader, job.name))
        soonest = now_ms() + round(job.every * 1000)
        # A clock that was set back must not keep a job waiting for long.
        return (min(known[0], soonest), known[1]) if known else (soonest, 0)

    async def _run(self, job: Job, tries: int) -> tuple[int, int]:
        """Run a job; return when it is to run next, and how often it has failed by then."""
        said, wait = "", job.every
        try:
            async with self._running[job.name]:
                await job.run()
        except Exception as error:  # noqa: BLE001 - a job that fails stops neither the others nor itself
            tries, said = tries + 1, f"{type(error).__name__}: {error}"
            self._metrics.ran(job.name, "failed")
            self._log.warning("a job failed", job=job.name, tries=tries, reason=said)
            if tries < TRIES:
                wait = min(job.every, self._first_wait * 2 ** (tries - 1) * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            else:
                await self._letters.bury(_letter(job.name), error, tries)
                tries = 0
        else:
            tries = 0
            self._metrics.ran(job.name, "done")
        next_at = now_ms() + round(wait * 1000)
        await self._database.write(
            lambda transaction: store.plan(transaction, job.name, next_at, tries, said)
        )
        return next_at, tries

    async def _again(self, letters: Sequence[Event]) -> None:
        """Run the jobs that these letters are of; one that there is no more needs no run."""
        for letter in letters:
            job = self._jobs.get(str(letter.data["job"]))
            if job is not None:
                async with self._running[job.name]:
                    await job.run()


def _letter(name: str) -> Event:
    """Make the letter of a job: the same each time, so that there is one for each job."""
    return Event(
        id=f"job/{name}",
        source="alm/worker",
        type=FAILED,
        subject=f"job/{name}",
        time=rfc3339(now_ms()),
        sequence=0,
        actor="system:worker",
        data={"job": name},
    )

"""Background jobs: run at their intervals without overlap, across restarts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import convert

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.clock import now_ms, rfc3339
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.worker import store
from envmgr.server.worker.domain import JobFailed, job_failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.runtime.service_module import ScheduledJob
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics

MAX_ATTEMPTS = 5
INITIAL_BACKOFF_SECONDS = 1.0
"""Seconds before a failed job is tried again; each time twice as long as before."""
CONSUMER = "jobs"


class JobScheduler:
    """Runs the jobs of every service.

    A job that fails `TRIES` times in a row becomes a dead letter, and continues at its interval. Retrying the dead
    letter runs the job once.
    """

    def __init__(
        self,
        database: Database,
        jobs: Sequence[ScheduledJob],
        dead_letters: DeadLetters,
        log: Log,
        metrics: Metrics,
        *,
        initial_backoff: float = INITIAL_BACKOFF_SECONDS,
    ) -> None:
        self._database = database
        self._jobs = {job.name: job for job in jobs}
        self._running = {job.name: asyncio.Lock() for job in jobs}
        self._subscription = dead_letters.subscription(CONSUMER, [], self._retry_dead_letters)
        self._log = log
        self._metrics = metrics
        self._initial_backoff = initial_backoff

    async def run(self) -> None:
        """Run them until cancelled."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs.values():
                group.create_task(self._run_loop(job), name=f"job {job.name}")

    async def _run_loop(self, job: ScheduledJob) -> None:
        next_at, attempts = await self._await_schedule(job)
        while True:
            await asyncio.sleep(max(0.0, (next_at - now_ms()) / 1000))
            try:
                next_at, attempts = await self._run(job, attempts)
            except Exception as error:  # noqa: BLE001 - the worker's own database may be away for a while, too
                self._log.warning("job_schedule_save_failed", job=job.name, error=str(error))
                next_at = now_ms() + round(job.every * 1000)

    async def _await_schedule(self, job: ScheduledJob) -> tuple[int, int]:
        """Load a job's schedule, again and again while the database is unavailable: one failure ends no job."""
        attempts = 0
        while True:
            try:
                return await self._load_schedule(job)
            except ServiceUnavailable as error:
                attempts += 1
                self._log.warning("job_schedule_load_failed", job=job.name, error=str(error))
                await asyncio.sleep(Backoff(self._initial_backoff, job.every).delay(attempts))

    async def _load_schedule(self, job: ScheduledJob) -> tuple[int, int]:
        known = await self._database.read(lambda reader: store.get_schedule(reader, job.name))
        soonest = now_ms() + round(job.every * 1000)
        # A clock that was set back must not delay a job for long.
        return (min(known[0], soonest), known[1]) if known else (soonest, 0)

    async def _run(self, job: ScheduledJob, attempts: int) -> tuple[int, int]:
        """Run a job; return when it is to run next, and how often it has failed by then."""
        message, wait = "", job.every
        try:
            async with self._running[job.name]:
                await job.run()
        except Exception as error:  # noqa: BLE001 - a job that fails stops neither the others nor itself
            attempts, message = attempts + 1, f"{type(error).__name__}: {error}"
            self._metrics.record_job(job.name, "failed")
            self._log.warning("job_failed", job=job.name, attempt=attempts, error=message)
            if attempts < MAX_ATTEMPTS:
                wait = Backoff(self._initial_backoff, job.every).delay(attempts)
            else:
                await self._subscription.dead_letter(job_failed(job.name, rfc3339(now_ms())), error, attempts)
                attempts = 0
        else:
            attempts = 0
            self._metrics.record_job(job.name, "success")
        next_at = now_ms() + round(wait * 1000)
        await self._database.write(
            lambda transaction: store.set_schedule(transaction, job.name, next_at, attempts, message)
        )
        return next_at, attempts

    async def _retry_dead_letters(self, events: Sequence[EventEnvelope]) -> None:
        """Run the jobs of dead letters; a job that was removed is skipped."""
        for letter in events:
            job = self._jobs.get(convert(letter.data, JobFailed).job)
            if job is not None:
                async with self._running[job.name]:
                    await job.run()

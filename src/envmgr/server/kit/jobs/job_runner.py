"""Runner of a service's jobs: claims them, runs them in parallel, and retries failures."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.failures import describe
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.jobs.job import DONE
from envmgr.server.kit.jobs.job_queue import LeaseLost
from envmgr.server.kit.jobs.unit_job import run_unit, unit_handler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.jobs.job import Job
    from envmgr.server.kit.jobs.unit_job import JobUnit
    from envmgr.server.kit.telemetry.logs import Log

    JobHandler = Callable[[Job], Awaitable[None]]
    """Runs a job; its last unit of work calls `job_queue.complete`, together with its effect."""


class JobObserver(Protocol):
    """Receives the outcomes of runs, for metrics."""

    def record_job(self, name: str, outcome: str) -> None:
        """Count a run; outcomes are `success`, `failed` and `dead`."""
        ...


BACKOFF = Backoff(initial_seconds=1.0, max_seconds=600.0)


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """Limits and intervals of a runner; times are seconds."""

    parallel_jobs: int = 4
    max_attempts: int = 12
    lease: float = 60.0
    """How long a run that its process does not confirm keeps others from running the job."""
    poll_interval: float = 1.0
    """How often other processes' jobs are looked for."""
    backoff: Backoff = BACKOFF


class JobRunner:
    """Runs the jobs of one service; any number of processes may do so at once.

    `handlers` and `units` run the jobs, by kind. `intervals` has the seconds between the runs of jobs that run at an
    interval, by kind. Where such a job has failed at every attempt, its next run is after the interval.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, JobHandler],
        log: Log,
        observer: JobObserver,
        *,
        units: Mapping[str, JobUnit] = MappingProxyType({}),
        intervals: Mapping[str, float] = MappingProxyType({}),
        options: RunnerOptions = RunnerOptions(),
    ) -> None:
        self._database = database
        self._units = units
        self._handlers = {
            **handlers,
            **{kind: unit_handler(database, unit) for kind, unit in units.items()},
        }
        self._log = log
        self._observer = observer
        self._intervals = intervals
        self._options = options
        self._slots = asyncio.Semaphore(options.parallel_jobs)
        self._wakeup = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """Check for jobs now; may be called from any thread."""
        with suppress(RuntimeError):  # the loop has ended: the jobs run at the next start
            self._loop.call_soon_threadsafe(self._wakeup.set)

    async def run(self) -> None:
        """Run jobs until cancelled.

        Runs in progress are cancelled, too, and begin again when their leases have expired.
        """
        await self._schedule()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._slots.acquire()
                self._wakeup.clear()
                job = await self._claim()
                if job is None:
                    self._slots.release()
                    await self._wait()
                elif job.state == DONE:
                    self._slots.release()
                    self._observer.record_job(job.kind, "success")
                else:
                    group.create_task(self._run(job), name=f"job {job.kind} {job.id}")

    async def _schedule(self) -> None:
        """Add the jobs that run at intervals; retry while the database is unavailable."""
        attempt = 0
        while True:
            try:
                await self._database.write(self._schedule_all)
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                attempt += 1
                self._log.warning("job_schedule_failed", attempt=attempt, error=describe(error))
                await asyncio.sleep(self._options.backoff.delay(attempt))
            else:
                return

    def _schedule_all(self, transaction: Transaction) -> None:
        for kind, interval in self._intervals.items():
            job_queue.schedule(transaction, kind, round(interval * 1000))

    async def _claim(self) -> Job | None:
        try:
            # a read first: with nothing to do, writers do not wait for this
            if not await self._database.read_inline(partial(job_queue.has_due, now=now_ms())):
                return None
            return await self._claim_or_run()
        except Exception as error:  # noqa: BLE001 - the database may be away for a while
            self._log.warning("job_claim_failed", error=describe(error))
            return None

    async def _claim_or_run(self) -> Job | None:
        """Return a job that is claimed, or done if it is a unit of work that runs for the first time.

        Such a run counts only once it has succeeded; after an error, the job is claimed before it runs again.
        """
        if self._units:
            try:
                return await self._database.write(self._claim_and_run)
            except Exception as error:  # noqa: BLE001 - any error of a job, whose next run is counted
                self._log.warning("job_first_run_failed", error=describe(error))
        return await self._database.write(self._claim_next)

    def _claim_and_run(self, transaction: Transaction) -> Job | None:
        job = self._claim_next(transaction)
        unit = self._units.get(job.kind) if job is not None and job.attempts == 1 else None
        if job is None or unit is None:
            return job
        run_unit(transaction, job, unit)
        return replace(job, state=DONE)

    def _claim_next(self, transaction: Transaction) -> Job | None:
        jobs = job_queue.claim(transaction, 1, self._lease_ms)
        return jobs[0] if jobs else None

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.poll_interval):
                await self._wakeup.wait()

    async def _run(self, job: Job) -> None:
        try:
            await self._attempt(job)
        finally:
            self._slots.release()
            self._wakeup.set()

    async def _attempt(self, job: Job) -> None:
        try:
            await self._handle(job)
        except LeaseLost as error:
            self._log.warning("job_lease_lost", job=job.kind, id=job.id, error=str(error))
        except Exception as error:  # noqa: BLE001 - a job that fails stops neither the others nor itself
            await self._record_failure(job, describe(error))
        else:
            self._observer.record_job(job.kind, "success")

    async def _handle(self, job: Job) -> None:
        """Run a job while its lease is extended; raise LookupError for an unknown kind."""
        if job.attempts > self._options.max_attempts:
            raise TimeoutError("the process ended in the last attempt")
        handler = self._handlers.get(job.kind)
        if handler is None:
            raise LookupError(f"no handler for jobs of the kind {job.kind}")
        extension = asyncio.create_task(self._extend_lease(job))
        try:
            await handler(job)
        finally:
            extension.cancel()
        await self._database.write(lambda transaction: self._finish(transaction, job))

    def _finish(self, transaction: Transaction, job: Job) -> None:
        """End a run whose handler has returned, unless the handler has done it with its effect."""
        if job.kind in self._intervals:
            job_queue.repeat(transaction, job, self._next_run_at(transaction, job))
        elif not job_queue.is_finished(transaction, job):
            job_queue.complete(transaction, job)

    def _next_run_at(self, transaction: Transaction, job: Job) -> int:
        return transaction.now + round(self._intervals[job.kind] * 1000)

    async def _extend_lease(self, job: Job) -> None:
        while True:
            await asyncio.sleep(self._options.lease / 3)
            # The next extension, or the completion, finds out whether the lease is lost.
            with suppress(Exception):
                await self._database.write(partial(job_queue.extend_lease, job=job, lease_ms=self._lease_ms))

    async def _record_failure(self, job: Job, error: str) -> None:
        is_last = job.attempts >= self._options.max_attempts
        self._observer.record_job(job.kind, "dead" if is_last else "failed")
        self._log.warning("job_failed", job=job.kind, id=job.id, attempt=job.attempts, error=error)
        record = self._record_last_failure if is_last else self._record_retry
        try:
            await self._database.write(partial(record, job=job, error=error))
        except Exception as failure:  # noqa: BLE001 - the lease expires, and the job runs again
            self._log.warning("job_save_failed", job=job.kind, id=job.id, error=describe(failure))

    def _record_retry(self, transaction: Transaction, job: Job, error: str) -> None:
        delay_ms = round(self._options.backoff.delay(job.attempts) * 1000)
        job_queue.retry_later(transaction, job, error, transaction.now + delay_ms)

    def _record_last_failure(self, transaction: Transaction, job: Job, error: str) -> None:
        if job.kind in self._intervals:
            job_queue.repeat(transaction, job, self._next_run_at(transaction, job), error)
        else:
            job_queue.mark_dead(transaction, job, error)

    @property
    def _lease_ms(self) -> int:
        return round(self._options.lease * 1000)

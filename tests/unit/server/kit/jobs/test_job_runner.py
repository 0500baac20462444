"""The job runner, on every database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from sqlalchemy import MetaData, select

from envmgr.server.app import module
from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.jobs.job_runner import JobRunner, RunnerOptions
from envmgr.server.kit.jobs.unit_job import unit_handler
from envmgr.server.kit.telemetry.metrics import Metrics
from support.services.database_runners import RUNNERS
from support.services.event_recorders import RecordingLog, wait_until

pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)]
LEASE_END = Statement(select(Tables(MetaData()).job.c.leased_until))
FAST = {"max_attempts": 3, "poll_interval": 0.01, "backoff": Backoff(0.001, 0.01)}


@asynccontextmanager
async def running(database, handlers, *, log=None, metrics=None, units=None, intervals=None, **options):
    job_runner = JobRunner(
        database,
        handlers,
        log or RecordingLog(),
        metrics or Metrics(),
        units=units or {},
        intervals=intervals or {},
        options=RunnerOptions(**{**FAST, **options}),
    )
    task = asyncio.create_task(job_runner.run())
    try:
        yield job_runner
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def over(runner, directory, work):
    async def run():
        async with runner(directory, module) as database:
            await work(database)

    asyncio.run(run())


async def enqueue(database, *numbers, kind="send"):
    for number in numbers:
        await database.write(
            partial(job_queue.enqueue, kind=kind, payload={"number": number}, key=str(number))
        )


async def until_states(database, expected):
    async with asyncio.timeout(20):
        while await states(database) != expected:  # noqa: ASYNC110 - a row of a database sets no event
            await asyncio.sleep(0.01)


async def states(database):
    return [job.state for job in reversed(await database.read(job_queue.list_jobs))]


def test_jobs_run_in_parallel_within_the_limit_and_each_once(runner, tmp_path):
    now, most, runs = [0], [0], []

    async def handle(job):
        now[0] += 1
        most[0] = max(most[0], now[0])
        # The first runs wait for each other, however long the database takes to claim the next job.
        await wait_until(lambda: most[0] >= 3)
        await asyncio.sleep(0.02)
        runs.append(job.payload["number"])
        now[0] -= 1

    async def work(database):
        metrics = Metrics()
        await enqueue(database, *range(12))
        async with running(database, {"send": handle}, metrics=metrics, parallel_jobs=3):
            await until_states(database, ["done"] * 12)
        assert sorted(runs) == list(range(12))
        assert most == [3]
        assert b'alm_jobs_total{name="send",outcome="success"} 12.0' in metrics.render()

    over(runner, tmp_path, work)


def test_a_job_runs_as_soon_as_it_is_enqueued(runner, tmp_path):
    runs = []

    async def handle(job):
        runs.append(job)

    async def work(database):
        async with running(database, {"send": handle}, poll_interval=3600) as job_runner:
            database.on_jobs(job_runner.wake)
            await asyncio.sleep(0.05)
            await enqueue(database, 1)
            await wait_until(lambda: runs)

    over(runner, tmp_path, work)


def test_a_failing_job_is_retried_then_dead_and_stops_no_other(runner, tmp_path):
    attempts = []

    async def fail(job):
        attempts.append(job.attempts)
        raise OSError("no")

    async def succeed(_job):
        return

    async def work(database):
        log, metrics = RecordingLog(), Metrics()
        await enqueue(database, 1)
        await enqueue(database, 2, kind="other")
        async with running(database, {"send": fail, "other": succeed}, log=log, metrics=metrics):
            await until_states(database, ["dead", "done"])
        assert attempts == [1, 2, 3]
        assert log.events() == ["job_failed"] * 3
        (job,) = [job for job in await database.read(job_queue.list_jobs) if job.state == "dead"]
        assert job.error == "OSError: no"
        assert b'alm_jobs_total{name="send",outcome="dead"} 1.0' in metrics.render()

    over(runner, tmp_path, work)


def test_a_job_without_a_handler_dies_and_names_its_kind(runner, tmp_path):
    async def work(database):
        await enqueue(database, 1, kind="unknown")
        async with running(database, {}):
            await until_states(database, ["dead"])
        (job,) = await database.read(job_queue.list_jobs)
        assert job.error == "LookupError: no handler for jobs of the kind unknown"

    over(runner, tmp_path, work)


def test_a_handler_may_complete_its_job_with_its_effect(runner, tmp_path):
    async def work(database):
        async def handle(job):
            def effect(transaction):
                job_queue.enqueue(transaction, "followed", {}, key="x")
                job_queue.complete(transaction, job)

            await database.write(effect)

        await enqueue(database, 1)
        async with running(database, {"send": handle, "followed": handle_nothing}):
            await until_states(database, ["done", "done"])

    over(runner, tmp_path, work)


def add_effect(transaction, job):
    """Enqueue what shows how often a unit had an effect."""
    job_queue.enqueue(transaction, "effect", {}, key=f"{job.key} {job.attempts}", run_at=2**50)


def test_a_unit_of_work_runs_and_completes_its_job_in_the_transaction_that_claims_it(runner, tmp_path):
    seen = []

    def unit(transaction, job):
        add_effect(transaction, job)
        seen.append(job_queue.find_job(transaction, job.id).state)

    async def work(database):
        metrics = Metrics()
        await enqueue(database, *range(5))
        async with running(database, {}, metrics=metrics, units={"send": unit}):
            await until_states(database, ["done"] * 5 + ["ready"] * 5)
        assert set(seen) == {"running"}
        assert b'alm_jobs_total{name="send",outcome="success"} 5.0' in metrics.render()

    over(runner, tmp_path, work)


def test_a_unit_that_fails_has_no_effect_until_its_retry(runner, tmp_path):
    runs = []

    def unit(transaction, job):
        add_effect(transaction, job)
        if len(runs) < 3:
            runs.append(job.attempts)
            raise LookupError("no")

    async def work(database):
        log = RecordingLog()
        await enqueue(database, 1)
        async with running(database, {}, log=log, units={"send": unit}):
            await until_states(database, ["done", "ready"])
        assert runs == [1, 1, 2]
        assert log.events() == ["job_first_run_failed", "job_failed", "job_failed"]
        assert (await database.read(job_queue.list_jobs))[0].key == "1 3"

    over(runner, tmp_path, work)


def test_a_unit_that_fails_at_every_attempt_is_dead_and_stops_no_other(runner, tmp_path):
    def unit(transaction, job):
        add_effect(transaction, job)
        if job.key == "1":
            raise LookupError("no")

    async def work(database):
        await enqueue(database, 1, 2)
        async with running(database, {}, units={"send": unit}):
            await until_states(database, ["dead", "done", "ready"])
        (dead,) = await database.read(partial(job_queue.list_jobs, state="dead"))
        assert (dead.key, dead.error, dead.attempts) == ("1", "LookupError: no", 3)

    over(runner, tmp_path, work)


def test_a_job_that_the_unit_of_another_completed_does_not_run(runner, tmp_path):
    async def work(database):
        await enqueue(database, 1)
        (job,) = await database.write(partial(job_queue.claim, limit=1, lease_ms=60_000))
        await database.write(partial(job_queue.complete_without_lease, job=job))
        await unit_handler(database, add_effect)(job)
        assert await states(database) == ["done"]

    over(runner, tmp_path, work)


async def handle_nothing(_job):
    return


def test_a_long_run_keeps_its_lease(runner, tmp_path):
    runs = []

    async def work(database):
        async def lease_end():
            return (await database.read(lambda reader: reader.one(LEASE_END)))[0]

        async def handle(job):
            runs.append(job.attempts)
            first = await lease_end()
            while await lease_end() == first:  # noqa: ASYNC110 - a row of a database sets no event
                await asyncio.sleep(0.01)

        await enqueue(database, 1)
        async with running(database, {"send": handle}, lease=1.8):
            await until_states(database, ["done"])
        assert runs == [1]

    over(runner, tmp_path, work)


def test_a_job_whose_process_ended_in_every_run_is_dead(runner, tmp_path):
    async def work(database):
        await enqueue(database, 1)
        for _ in range(3):
            await database.write(partial(job_queue.claim, limit=1, lease_ms=-1))
        async with running(database, {"send": handle_nothing}):
            await until_states(database, ["dead"])
        (job,) = await database.read(job_queue.list_jobs)
        assert "the process ended in the last attempt" in job.error

    over(runner, tmp_path, work)


def test_a_run_that_lost_its_lease_records_nothing(runner, tmp_path):
    async def work(database):
        log = RecordingLog()

        async def handle(job):
            await database.write(partial(job_queue.cancel, job_id=job.id))

        await enqueue(database, 1)
        async with running(database, {"send": handle}, log=log):
            await wait_until(lambda: log.lines)
        assert log.events() == ["job_lease_lost"]
        assert await states(database) == ["cancelled"]

    over(runner, tmp_path, work)


def test_two_runners_share_the_jobs(runner, tmp_path):
    runs = []

    async def handle(job):
        runs.append(job.payload["number"])
        await asyncio.sleep(0.005)

    async def work(database):
        await enqueue(database, *range(30))
        async with running(database, {"send": handle}), running(database, {"send": handle}):
            await until_states(database, ["done"] * 30)
        assert sorted(runs) == list(range(30))

    over(runner, tmp_path, work)


def test_a_job_at_an_interval_runs_again_and_again_in_one_runner_at_a_time(runner, tmp_path):
    now, most, runs = [0], [0], []

    async def handle(_job):
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.02)
        runs.append(1)
        now[0] -= 1

    async def work(database):
        options = {"intervals": {"purge": 0.005}}
        async with (
            running(database, {"purge": handle}, **options),
            running(database, {"purge": handle}, **options),
        ):
            await wait_until(lambda: len(runs) >= 5)
        assert most == [1]
        assert len(await states(database)) == 1

    over(runner, tmp_path, work)


def test_a_job_at_an_interval_that_fails_at_every_attempt_goes_on(runner, tmp_path):
    attempts = []

    async def fail(job):
        attempts.append(job.attempts)
        raise OSError("no")

    async def work(database):
        async with running(database, {"purge": fail}, intervals={"purge": 0.005}):
            await wait_until(lambda: len(attempts) >= 7)
        assert attempts[:7] == [1, 2, 3, 1, 2, 3, 1]

    over(runner, tmp_path, work)


def test_a_restart_does_not_repeat_what_has_run(runner, tmp_path):
    runs = []

    async def handle(_job):
        runs.append(1)

    async def work(database):
        await database.write(partial(job_queue.schedule, kind="purge", interval_ms=-1))
        for _ in range(2):
            async with running(database, {"purge": handle}, intervals={"purge": 3600}):
                await wait_until(lambda: runs)
                await asyncio.sleep(0.05)
        assert runs == [1]

    over(runner, tmp_path, work)


@pytest.mark.parametrize("method", ["write", "read_inline"])
def test_an_unavailable_database_is_tried_again(runner, tmp_path, method):
    runs, failures = [], [ServiceUnavailable("locked")] * 3

    async def handle(_job):
        runs.append(1)

    async def work(database):
        await enqueue(database, 1)
        original = getattr(database, method)

        class Failing:
            def __getattr__(self, name):
                return getattr(database, name)

        failing = Failing()

        async def fail_first(unit):
            if failures:
                raise failures.pop()
            return await original(unit)

        setattr(failing, method, fail_first)
        async with running(failing, {"send": handle}, intervals={"purge": 3600}):
            await wait_until(lambda: runs)
        assert failures == []

    over(runner, tmp_path, work)

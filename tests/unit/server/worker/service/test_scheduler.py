from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import InProcessBus
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.runtime.service_module import ScheduledJob
from envmgr.server.kit.telemetry.metrics import Metrics
from envmgr.server.worker import event_handlers, module, store
from envmgr.server.worker.service.scheduler import MAX_ATTEMPTS, JobScheduler
from support.services.event_recorders import RecordingLog, wait_until
from support.services.service_fixtures import opened

pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def running(database, jobs, metrics=None):
    keeper = JobScheduler(
        database,
        jobs,
        DeadLetters(database, "worker"),
        RecordingLog(),
        metrics or Metrics(),
        initial_backoff=0.001,
    )
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def run(work):
    asyncio.run(work())


def test_a_job_runs_repeatedly_and_never_concurrently(tmp_path):
    running_now, most, runs = [0], [0], []

    async def act():
        running_now[0] += 1
        most[0] = max(most[0], running_now[0])
        await asyncio.sleep(0.02)
        runs.append(1)
        running_now[0] -= 1

    async def work():
        metrics = Metrics()
        async with (
            opened(tmp_path, module) as database,
            running(database, [ScheduledJob("act", 0.005, act)], metrics),
        ):
            await wait_until(lambda: len(runs) >= 5)
        assert most == [1]
        assert b'alm_jobs_total{name="act",outcome="success"}' in metrics.render()

    run(work)


def test_a_failed_job_is_retried_soon_and_does_not_stop_others(tmp_path):
    failures, others = [], []

    async def fail():
        failures.append(1)
        if len(failures) < 3:
            raise OSError("no")

    async def other():
        others.append(1)

    async def work():
        async with opened(tmp_path, module) as database:
            jobs = [ScheduledJob("fail", 0.05, fail), ScheduledJob("other", 0.01, other)]
            async with running(database, jobs):
                await wait_until(lambda: len(failures) >= 3 and len(others) >= 3)
            assert await DeadLetters(database, "worker").count() == 0

    run(work)


def test_a_job_that_fails_repeatedly_leaves_one_dead_letter_that_a_retry_runs(tmp_path):
    failures, broken = [], [True]

    async def fail():
        failures.append(1)
        if broken[0]:
            raise OSError("still no")

    async def work():
        async with opened(tmp_path, module) as database:
            letters = DeadLetters(database, "worker")
            keeper = JobScheduler(
                database,
                [ScheduledJob("fail", 0.01, fail)],
                letters,
                RecordingLog(),
                Metrics(),
                initial_backoff=0.001,
            )
            task = asyncio.create_task(keeper.run())
            await wait_until(lambda: len(failures) > 2 * MAX_ATTEMPTS)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            (letter,) = await letters.all()
            assert (letter.consumer, letter.event.data, letter.error) == (
                "jobs",
                {"job": "fail"},
                "OSError: still no",
            )
            with pytest.raises(OSError, match="still no"):
                await letters.retry(letter.id)
            assert await letters.count() == 1
            broken[0] = False
            await letters.retry(letter.id)
            assert await letters.count() == 0

    run(work)


def test_the_schedule_is_kept_on_restart(tmp_path):
    runs = []

    async def act():
        runs.append(1)

    async def work():
        async with opened(tmp_path, module) as database:
            job = ScheduledJob("act", 3600, act)
            await database.write(lambda transaction: store.set_schedule(transaction, "act", 0, 0, ""))
            async with running(database, [job]):
                await wait_until(lambda: runs)
                await asyncio.sleep(0.05)
            async with running(database, [job]):
                await asyncio.sleep(0.05)
        assert len(runs) == 1

    run(work)


def test_a_schedule_far_in_the_future_is_limited_to_the_interval(tmp_path):
    runs = []

    async def act():
        runs.append(1)

    async def work():
        async with opened(tmp_path, module) as database:
            await database.write(lambda transaction: store.set_schedule(transaction, "act", 2**50, 0, ""))
            async with running(database, [ScheduledJob("act", 0.01, act)]):
                await wait_until(lambda: runs)

    run(work)


def test_the_dead_letter_of_a_removed_job_is_deleted(tmp_path):
    async def work():
        async with opened(tmp_path, module) as database:
            letters = DeadLetters(database, "worker")
            JobScheduler(database, [], letters, RecordingLog(), Metrics())
            await letters._store("jobs", event("gone"), OSError("no"), 5)
            await letters.retry(1)
            assert await letters.count() == 0

    run(work)


def event(job, number=1):
    return EventEnvelope(
        id=f"event-{number}",
        source="alm/worker",
        type="JobFailed" if job else "Tested",
        subject="x",
        time="2026-01-01T00:00:00.000Z",
        sequence=number,
        actor="system:worker",
        data={"job": job},
    )


def test_events_are_counted_once_by_type(tmp_path):
    async def work():
        async with opened(tmp_path, module) as database:
            bus = InProcessBus()
            bus.subscribe(event_handlers.subscription(database, DeadLetters(database, "worker")))
            events = [event("", number) for number in range(3)]
            await bus.publish(events)
            await bus.publish([*events, event("a", 9)])
            assert await database.read(store.counts) == {"Tested": 3.0, "JobFailed": 1.0}

    run(work)


def test_a_job_runs_after_its_schedule_was_temporarily_unreadable(tmp_path):
    runs, failures = [], [ServiceUnavailable("locked"), ServiceUnavailable("locked")]

    async def act():
        runs.append(1)

    async def work():
        async with opened(tmp_path, module) as database:
            read = database.read

            async def read_later(unit):
                if failures:
                    raise failures.pop()
                return await read(unit)

            database.read = read_later
            async with running(database, [ScheduledJob("act", 0.005, act)]):
                await wait_until(lambda: runs)

    run(work)

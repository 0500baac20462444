"""The job queue, on every database."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from envmgr.server.app import module
from envmgr.server.kit.common.problems import Conflict, NotFound
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.jobs.job_queue import MAX_LISTED_JOBS, RETENTION_MS, SCHEDULE_KEY, LeaseLost
from support.services.database_runners import RUNNERS, RerunningDatabase

pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)]
LEASE_MS = 60_000


def over(runner, directory, work):
    """Run a coroutine function over a new database, which runs each unit of work twice, as any runner may."""

    async def run():
        async with runner(directory, module) as database:
            await work(RerunningDatabase(database))

    asyncio.run(run())


def enqueue(number=1, kind="send", **options):
    options.setdefault("key", str(number))
    return partial(job_queue.enqueue, kind=kind, payload={"number": number}, **options)


async def claim(database, limit=10, lease_ms=LEASE_MS):
    return await database.write(partial(job_queue.claim, limit=limit, lease_ms=lease_ms))


async def states(database):
    return {job.id: job.state for job in await database.read(job_queue.list_jobs)}


def test_a_job_is_claimed_once_and_completed_with_its_effect(runner, tmp_path):
    async def work(database):
        assert await database.write(enqueue(7)) is True
        (job,) = await claim(database)
        assert (job.kind, job.key, job.payload, job.state, job.attempts) == (
            "send",
            "7",
            {"number": 7},
            "running",
            1,
        )
        assert await claim(database) == []
        await database.write(partial(job_queue.complete, job=job))
        assert await states(database) == {job.id: "done"}

    over(runner, tmp_path, work)


def test_a_job_is_enqueued_only_with_the_transaction_that_causes_it(runner, tmp_path):
    async def work(database):
        def fail(transaction):
            enqueue()(transaction)
            raise LookupError

        with pytest.raises(LookupError):
            await database.write(fail)
        assert await claim(database) == []

    over(runner, tmp_path, work)


def test_a_key_has_one_unfinished_job_of_each_kind(runner, tmp_path):
    async def work(database):
        assert [await database.write(enqueue(1, key="k")) for _ in range(2)] == [True, False]
        assert await database.write(enqueue(2, kind="other", key="k"))
        jobs = await claim(database)
        assert {(job.kind, job.payload["number"]) for job in jobs} == {("send", 1), ("other", 2)}
        assert await database.write(enqueue(3, key="k")) is False
        for job in jobs:
            await database.write(partial(job_queue.complete, job=job))
        assert await database.write(enqueue(4, key="k")) is True

    over(runner, tmp_path, work)


def test_jobs_run_when_they_are_due_and_the_oldest_first(runner, tmp_path):
    async def work(database):
        await database.write(enqueue(1, run_at=2_000))
        await database.write(enqueue(2, run_at=1_000))
        await database.write(enqueue(3, run_at=2**50))
        assert await database.read(partial(job_queue.has_due, now=500)) is False
        assert await database.read(partial(job_queue.has_due, now=1_000)) is True
        assert [job.payload["number"] for job in await claim(database, limit=1)] == [2]
        assert [job.payload["number"] for job in await claim(database)] == [1]
        assert await claim(database) == []

    over(runner, tmp_path, work)


def test_a_run_whose_lease_expired_begins_again_and_the_first_has_no_effect(runner, tmp_path):
    async def work(database):
        await database.write(enqueue())
        (first,) = await claim(database, lease_ms=-1)
        (second,) = await claim(database)
        assert (second.id, second.attempts) == (first.id, 2)

        def complete_first(transaction):
            job_queue.enqueue(transaction, "effect", {}, key="effect")
            job_queue.complete(transaction, first)

        with pytest.raises(LeaseLost):
            await database.write(complete_first)
        assert await database.write(partial(job_queue.extend_lease, job=first, lease_ms=LEASE_MS)) is False
        await database.write(partial(job_queue.retry_later, job=first, error="late", run_at=0))
        await database.write(partial(job_queue.mark_dead, job=first, error="late"))
        assert await states(database) == {first.id: "running"}
        await database.write(partial(job_queue.complete, job=second))
        assert await database.read(partial(job_queue.is_finished, job=second))
        assert not await database.read(partial(job_queue.is_finished, job=first))

    over(runner, tmp_path, work)


def test_a_lease_is_extended_by_its_holder(runner, tmp_path):
    async def work(database):
        await database.write(enqueue())
        (job,) = await claim(database, lease_ms=-1)
        assert await database.write(partial(job_queue.extend_lease, job=job, lease_ms=LEASE_MS)) is True
        assert await claim(database) == []

    over(runner, tmp_path, work)


def test_a_failed_run_is_followed_by_another_or_none(runner, tmp_path):
    async def work(database):
        await database.write(enqueue())
        (job,) = await claim(database)
        await database.write(partial(job_queue.retry_later, job=job, error="e" * 5000, run_at=0))
        (again,) = await claim(database)
        assert (again.attempts, again.error) == (2, "e" * 2000)
        await database.write(partial(job_queue.mark_dead, job=again, error="no"))
        (dead,) = await database.read(job_queue.list_jobs)
        assert (dead.state, dead.error) == ("dead", "no")
        assert await claim(database) == []
        await database.write(partial(job_queue.retry, job_id=dead.id))
        (revived,) = await claim(database)
        assert (revived.id, revived.attempts) == (dead.id, 1)

    over(runner, tmp_path, work)


def test_a_dead_job_is_not_retried_beside_a_newer_one(runner, tmp_path):
    async def work(database):
        await database.write(enqueue(1, key="k"))
        (job,) = await claim(database)
        await database.write(partial(job_queue.mark_dead, job=job, error="no"))
        assert await database.write(enqueue(2, key="k")) is True
        with pytest.raises(Conflict, match="a newer one with its key is not finished"):
            await database.write(partial(job_queue.retry, job_id=job.id))
        assert sorted((await states(database)).values()) == ["dead", "ready"]

    over(runner, tmp_path, work)


def test_a_cancelled_job_neither_runs_nor_completes(runner, tmp_path):
    async def work(database):
        await database.write(enqueue(1))
        await database.write(enqueue(2))
        (running,) = await claim(database, limit=1)
        for job in await database.read(job_queue.list_jobs):
            await database.write(partial(job_queue.cancel, job_id=job.id))
        with pytest.raises(LeaseLost):
            await database.write(partial(job_queue.complete, job=running))
        assert await claim(database) == []
        with pytest.raises(Conflict, match="is cancelled and cannot be cancelled"):
            await database.write(partial(job_queue.cancel, job_id=running.id))
        with pytest.raises(Conflict, match="is cancelled and cannot be retried"):
            await database.write(partial(job_queue.retry, job_id=running.id))

    over(runner, tmp_path, work)


def test_an_unknown_job_is_not_found(runner, tmp_path):
    async def work(database):
        for change in (job_queue.retry, job_queue.cancel):
            with pytest.raises(NotFound, match="job 9 not found"):
                await database.write(partial(change, job_id=9))
        with pytest.raises(NotFound):
            await database.read(partial(job_queue.find_job, job_id=9))

    over(runner, tmp_path, work)


def test_the_earlier_jobs_of_a_prefix_are_found_and_completed_by_another(runner, tmp_path):
    keys = ["a/1/1", "a/1/2", "a/10/1", "a/1/3", "a/1/4", "a/1/5", "a/1/6"]

    async def work(database):
        for number, key in enumerate(keys):
            await database.write(enqueue(number, key=key))
        await database.write(enqueue(9, kind="other", key="a/1/9"))
        first, failed = await claim(database, limit=2)
        await database.write(partial(job_queue.retry_later, job=failed, error="no", run_at=2**50))
        by_key = {job.key: job for job in await database.read(job_queue.list_jobs)}
        await database.write(partial(job_queue.cancel, job_id=by_key["a/1/3"].id))
        last = by_key["a/1/6"]
        earlier = await database.read(partial(job_queue.find_earlier, job=last, prefix="a/1/"))
        assert [job.key for job in earlier] == ["a/1/1", "a/1/4", "a/1/5"]
        for job in earlier:
            await database.write(partial(job_queue.complete_without_lease, job=job))
        assert await database.read(partial(job_queue.find_earlier, job=last, prefix="a/1/")) == []
        assert await database.read(partial(job_queue.is_finished, job=first))
        with pytest.raises(LeaseLost):
            await database.write(partial(job_queue.complete, job=first))

    over(runner, tmp_path, work)


def test_a_job_at_an_interval_is_one_row_that_is_never_finished(runner, tmp_path):
    async def work(database):
        for _ in range(2):
            await database.write(partial(job_queue.schedule, kind="purge", interval_ms=-1))
        (job,) = await claim(database)
        assert (job.kind, job.key) == ("purge", SCHEDULE_KEY)
        await database.write(partial(job_queue.repeat, job=job, run_at=0, error="failed at last"))
        (again,) = await claim(database)
        assert (again.id, again.attempts, again.error) == (job.id, 1, "failed at last")
        with pytest.raises(Conflict, match="runs at an interval, and cannot be cancelled"):
            await database.write(partial(job_queue.cancel, job_id=job.id))

    over(runner, tmp_path, work)


def test_a_schedule_far_in_the_future_is_brought_forward(runner, tmp_path):
    async def work(database):
        await database.write(enqueue(kind="purge", key=SCHEDULE_KEY, run_at=2**50))
        await database.write(partial(job_queue.schedule, kind="purge", interval_ms=0))
        assert len(await claim(database)) == 1

    over(runner, tmp_path, work)


def test_finished_jobs_are_deleted_after_their_retention_and_dead_ones_kept(runner, tmp_path, monkeypatch):
    async def work(database):
        for number in range(3):
            await database.write(enqueue(number))
        result, dead, waiting = await claim(database)
        await database.write(partial(job_queue.complete, job=result))
        await database.write(partial(job_queue.mark_dead, job=dead, error="no"))
        await database.write(partial(job_queue.retry_later, job=waiting, error="no", run_at=0))
        assert await database.write(job_queue.purge_expired) == 0
        monkeypatch.setattr(job_queue, "RETENTION_MS", -1000)
        assert await database.write(job_queue.purge_expired) == 1
        assert await states(database) == {dead.id: "dead", waiting.id: "ready"}

    assert RETENTION_MS > 0
    over(runner, tmp_path, work)


def test_the_newest_jobs_of_a_state_are_listed_however_many_are_newer(runner, tmp_path):
    async def work(database):
        await database.write(enqueue(0))
        (job,) = await claim(database)
        await database.write(partial(job_queue.mark_dead, job=job, error="no"))

        def enqueue_all(transaction):
            for number in range(1, MAX_LISTED_JOBS + 1):
                enqueue(number)(transaction)

        await database.write(enqueue_all)
        assert job.id not in await states(database)
        (dead,) = await database.read(partial(job_queue.list_jobs, state="dead"))
        assert dead.id == job.id
        waiting = await database.read(partial(job_queue.list_jobs, state="ready"))
        assert [item.key for item in waiting] == [str(number) for number in range(MAX_LISTED_JOBS, 0, -1)]

    over(runner, tmp_path, work)


def test_many_claims_at_once_share_out_the_jobs(runner, tmp_path):
    async def run():
        async with runner(tmp_path, module) as database:
            for number in range(40):
                await database.write(enqueue(number))
            batches = await asyncio.gather(*(claim(database, limit=3) for _ in range(20)))
            claimed = [job.id for batch in batches for job in batch]
            assert len(claimed) == len(set(claimed)) == 40

    asyncio.run(run())


def test_an_unfinished_job_is_found_by_kind_and_key_however_many_are_newer(runner, tmp_path):
    async def work(database):
        await database.write(enqueue(1))
        (job,) = await claim(database)
        await database.write(partial(job_queue.complete, job=job))
        with pytest.raises(NotFound):
            await database.read(partial(job_queue.find_unfinished, kind="send", key="1"))

        def enqueue_all(transaction):
            enqueue(1)(transaction)
            for number in range(2, MAX_LISTED_JOBS + 2):
                enqueue(number)(transaction)

        await database.write(enqueue_all)
        job_id = await database.read(partial(job_queue.find_unfinished, kind="send", key="1"))
        job = await database.read(partial(job_queue.find_job, job_id=job_id))
        assert (job.key, job.state) == ("1", "ready")
        assert job_id not in await states(database)

    over(runner, tmp_path, work)

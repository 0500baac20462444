from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest

from envmgr.server.app import module as app_module
from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.jobs.job_runner import JobRunner
from envmgr.server.kit.messaging import consumer_offsets
from envmgr.server.kit.messaging.bus import Delivery, InProcessBus, Subscription
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.inbox import filter_unprocessed
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.periodic_task import PeriodicTask
from envmgr.server.kit.runtime.service_module import ScheduledJob, ServiceModule
from envmgr.server.kit.telemetry.delivery_observer import LoggingDeliveryObserver
from envmgr.server.kit.telemetry.metrics import Metrics
from envmgr.server.worker import module as worker_module
from envmgr.server.worker.service import relay as relay_file
from envmgr.server.worker.service.relay import Relay
from support.services.event_recorders import Listener, RecordingLog, domain_event, emit, wait_until
from support.services.queued_bus import FAST_DELIVERY, QueuedBus
from support.services.service_fixtures import opened

pytestmark = pytest.mark.timeout(60)
NO_CONSUMERS = ConsumerLag([], [])


@asynccontextmanager
async def relaying(database, bus, *, wakes=True, **options):
    """Relay the events of a database inside of `with`."""
    relay = Relay(Outbox(database, "app"), bus, NO_CONSUMERS, RecordingLog(), batch_window=0.005, **options)
    task = asyncio.create_task(relay.run())
    if wakes:
        database.on_events(relay.wake)
    relay.wake()
    try:
        yield relay
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def bus_with(*listeners):
    bus = InProcessBus(FAST_DELIVERY)
    for number, listener in enumerate(listeners):
        bus.subscribe(
            Subscription(f"listener-{number}", frozenset({"*"}), listener.handle, listener.dead_letter)
        )
    return bus


def service_module(database, name, **options):
    return ServiceModule(name, [], database, Outbox(database, name), DeadLetters(database, name), **options)


def run(work):
    asyncio.run(work())


def test_events_reach_every_consumer_in_order_and_are_acknowledged(tmp_path):
    async def work():
        item, other = Listener(), Listener()
        async with (
            opened(tmp_path, app_module) as database,
            relaying(database, bus_with(item, other)) as relay,
        ):
            for number in range(20):
                await database.write(emit(number))
            await wait_until(lambda: len(item.numbers) == len(other.numbers) == 20)
            await relay.drain()
            assert item.numbers == other.numbers == list(range(20))
            assert await Outbox(database, "app").backlog() == 0

    run(work)


def test_events_from_before_the_start_are_relayed(tmp_path):
    async def work():
        listener = Listener()
        async with opened(tmp_path, app_module) as database:
            await database.write(emit(1, 2, 3))
            async with relaying(database, bus_with(listener)):
                await wait_until(lambda: listener.numbers == [1, 2, 3])

    run(work)


def test_events_of_another_process_are_found_by_polling(tmp_path, monkeypatch):
    monkeypatch.setattr(relay_file, "POLL_INTERVAL_SECONDS", 0.05)

    async def work():
        listener = Listener()
        async with (
            opened(tmp_path, app_module) as database,
            relaying(database, bus_with(listener), wakes=False),
        ):
            await database.write(emit(1))
            await wait_until(lambda: listener.numbers == [1])

    run(work)


def test_simultaneous_events_are_relayed_in_one_batch(tmp_path):
    async def work():
        listener = Listener()
        async with opened(tmp_path, app_module) as database, relaying(database, bus_with(listener)):
            await asyncio.sleep(0.02)
            await asyncio.gather(*(database.write(emit(number)) for number in range(100)))
            await wait_until(lambda: len(listener.numbers) == 100)
            assert sorted(listener.numbers) == list(range(100))
            assert len(listener.batches) < 20

    run(work)


def test_several_batches_are_relayed_after_one_notification(tmp_path, monkeypatch):
    monkeypatch.setattr(relay_file, "BATCH_SIZE", 10)

    async def work():
        listener = Listener()
        async with opened(tmp_path, app_module) as database:
            await database.write(emit(*range(35)))
            async with relaying(database, bus_with(listener)):
                await wait_until(lambda: len(listener.numbers) == 35)
                assert [len(batch) for batch in listener.batches] == [10, 10, 10, 5]

    run(work)


def test_an_unavailable_consumer_is_retried_and_misses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(relay_file, "BACKOFF", Backoff(0.01, 15.0))
    is_away = [True]

    def fails(_events):
        if is_away[0]:
            raise ServiceUnavailable("away")

    async def work():
        listener = Listener(fails)
        async with (
            opened(tmp_path, app_module) as database,
            relaying(database, bus_with(listener)) as relay,
        ):
            await database.write(emit(1, 2))
            await wait_until(lambda: relay.failures)
            assert (listener.numbers, listener.dead_lettered) == ([], [])
            assert await Outbox(database, "app").backlog() == 2
            is_away[0] = False
            await wait_until(lambda: listener.numbers == [1, 2])
            await wait_until(lambda: not relay.failures)

    run(work)


class RoleOfAnother:
    """The role of relaying, which another process has; the first look for it fails."""

    def __init__(self):
        self.looks = 0

    async def try_acquire(self):
        self.looks += 1
        if self.looks == 1:
            raise ServiceUnavailable("the database ended the session")
        return False

    async def release(self):
        """Do nothing."""


def test_a_process_that_leaves_relaying_to_another_one_has_no_failures(tmp_path, monkeypatch):
    monkeypatch.setattr(relay_file, "BACKOFF", Backoff(0.01, 15.0))
    role = RoleOfAnother()

    async def work():
        async with opened(tmp_path, app_module) as database:
            monkeypatch.setattr(database, "leadership", lambda: role)
            async with relaying(database, bus_with()) as relay:
                await wait_until(lambda: role.looks > 1 and not relay.failures)

    run(work)


def test_a_failing_event_is_dead_lettered_and_the_others_are_relayed(tmp_path):
    def fails(events):
        if any(event.data["number"] == 2 for event in events):
            raise ValueError("no such number")

    async def work():
        picky, other = Listener(fails), Listener()
        async with opened(tmp_path, app_module) as database, relaying(database, bus_with(picky, other)):
            await database.write(emit(1, 2, 3))
            await wait_until(lambda: len(picky.numbers) == 2)
            await wait_until(lambda: other.numbers == [1, 2, 3])
            assert picky.numbers == [1, 3]
            assert picky.dead_lettered == [(2, "no such number", 5)]

    run(work)


@pytest.mark.parametrize("dies_at", ["publish", "mark"])
def test_a_crash_causes_redelivery_and_an_inbox_consumes_once(tmp_path, dies_at):
    consumed_numbers = []

    async def work():
        async with opened(tmp_path, app_module) as database:

            async def handle(events):
                def unit(transaction):
                    return [event.data["number"] for event in filter_unprocessed(transaction, "c", events)]

                consumed_numbers.extend(await database.write(unit))

            bus = InProcessBus()
            bus.subscribe(DeadLetters(database, "app").subscription("c", ["*"], handle))
            await database.write(emit(1, 2))
            await cut_short(database, bus, dies_at)
            assert await Outbox(database, "app").backlog() == 2
            async with relaying(database, bus) as relay:
                await relay.drain()
            assert consumed_numbers == [1, 2]

    run(work)


async def cut_short(database, bus, dies_at):
    """Relay once, and stop as a killed process would, before the events are acknowledged."""

    class Dies(BaseException):
        """Raised to end the relay."""

    class Outlet(Outbox):
        async def acknowledge(self, _up_to, _consumed):
            raise Dies

    class Broken(InProcessBus):
        async def publish(self, _events):
            raise Dies

    used_bus = Broken() if dies_at == "publish" else bus
    relay = Relay(Outlet(database, "app"), used_bus, NO_CONSUMERS, RecordingLog())
    with pytest.raises(Dies):
        await relay._relay_batch()


def test_the_time_from_event_to_consumer_is_measured(tmp_path):
    async def work():
        metrics = Metrics()
        bus = InProcessBus(Delivery(LoggingDeliveryObserver(RecordingLog(), metrics)))
        listener = Listener()
        bus.subscribe(Subscription("listener", frozenset({"*"}), listener.handle, listener.dead_letter))
        async with opened(tmp_path, app_module) as database:
            await database.write(emit(1, 2))
            relay = Relay(Outbox(database, "app"), bus, NO_CONSUMERS, RecordingLog())
            assert await relay._relay_batch() is False
            assert b'alm_event_delivery_lag_seconds_count{consumer="listener"} 1.0' in metrics.render()

    run(work)


def test_the_worker_drains_events_that_consumers_emit(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as item, opened(tmp_path, worker_module) as other:
            bus = InProcessBus()

            async def echo(events):
                await other.write(lambda transaction: transaction.emit(domain_event(len(events))))

            numbers = Listener()
            dead_letters = DeadLetters(item, "app")
            bus.subscribe(dead_letters.subscription("echo", ["Tested"], only_from("alm/app", echo)))
            bus.subscribe(
                dead_letters.subscription("listener", ["Tested"], only_from("alm/worker", numbers.handle))
            )
            worker = worker_module.make(other, bus, RecordingLog(), Metrics())
            worker.start([service_module(item, "app"), service_module(other, "worker")], NO_CONSUMERS)
            await item.write(emit(1, 2, 3))
            await worker.drain(10)
            assert numbers.numbers == [3]
            assert await worker.problems() == []
            await worker.stop()
            assert await worker.problems() != []

    run(work)


def only_from(source, handle):
    async def publish_some(events):
        if matches := [event for event in events if event.source == source]:
            await handle(matches)

    return publish_some


def test_a_drain_times_out(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as item, opened(tmp_path, worker_module) as other:

            def fails(_events):
                raise ServiceUnavailable("away")

            diary = RecordingLog()
            worker = worker_module.make(other, bus_with(Listener(fails)), diary, Metrics())
            worker.start([service_module(item, "app")], NO_CONSUMERS)
            await item.write(emit(1))
            await worker.drain(0.3)
            await worker.stop()
            assert "shutdown_with_pending_events" in diary.events()
            assert await Outbox(item, "app").backlog() == 1

    run(work)


def test_the_worker_drains_until_consumers_have_what_a_broker_acknowledged(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as item, opened(tmp_path, worker_module) as other:
            bus, dead_letters, consumed = QueuedBus(), DeadLetters(item, "app"), []

            async def slowly(events):
                await asyncio.sleep(0.05)
                await item.write(lambda unit: consumer_offsets.record(unit, "slow", events))
                consumed.extend(event.data["number"] for event in events)

            bus.subscribe(dead_letters.subscription("slow", ["*"], slowly))
            await bus.start()
            worker = worker_module.make(other, bus, RecordingLog(), Metrics())
            module = service_module(item, "app")
            worker.start([module], ConsumerLag([module.outbox], [dead_letters]))
            await item.write(emit(*range(35)))
            await worker.drain(10)
            assert consumed == list(range(35))
            await worker.stop()
            await bus.stop()

    run(work)


def test_the_worker_runs_the_jobs_and_tasks_of_services(tmp_path):
    runs, handled = [], []

    async def act():
        runs.append(1)

    async def handle(job):
        handled.append(job.payload)

    async def fail():
        runs.append(2)
        raise OSError("no")

    async def work():
        async with opened(tmp_path, app_module) as item, opened(tmp_path, worker_module) as other:
            log = RecordingLog()
            worker = worker_module.make(other, InProcessBus(), log, Metrics())
            module = service_module(
                item,
                "app",
                jobs=[ScheduledJob("act", 0.01, act)],
                job_handlers={"send": handle},
                tasks=[PeriodicTask("task", 0.01, fail)],
            )
            await item.write(partial(job_queue.enqueue, kind="send", payload={"a": 1}, key="1"))
            worker.start([module], NO_CONSUMERS)
            await wait_until(lambda: runs.count(1) > 1 and runs.count(2) > 1 and handled == [{"a": 1}])
            assert await worker.problems() == []
            await worker.stop()
            assert ("periodic_task_failed", {"task": "task", "error": "OSError: no"}) in log.lines

    run(work)


def test_a_commit_that_enqueues_a_job_wakes_the_runner(tmp_path, monkeypatch):
    wakes, runs, wake = [], [], JobRunner.wake

    async def handle(job):
        runs.append(job)

    def record_wake(runner):
        wakes.append(1)
        wake(runner)

    monkeypatch.setattr(JobRunner, "wake", record_wake)

    async def work():
        async with opened(tmp_path, app_module) as item, opened(tmp_path, worker_module) as other:
            worker = worker_module.make(other, InProcessBus(), RecordingLog(), Metrics())
            module = service_module(item, "app", job_handlers={"send": handle})
            worker.start([module], NO_CONSUMERS)
            await asyncio.sleep(0)
            wakes.clear()
            await item.write(partial(job_queue.enqueue, kind="send", payload={}, key="1"))
            assert wakes
            await wait_until(lambda: runs)
            await worker.stop()

    run(work)

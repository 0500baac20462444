"""Background work of a process: relays of its services' outboxes, their jobs and tasks.

An outbox is relayed, and a job runs, in a process of the service whose database has it: the same transaction changes
state, records events and enqueues jobs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envmgr.server.kit.jobs.job_runner import JobRunner
from envmgr.server.worker.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envmgr.server.kit.jobs.job import Job
    from envmgr.server.kit.jobs.job_runner import JobHandler
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
    from envmgr.server.kit.runtime.service_module import ScheduledJob, ServiceModule
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics

_DRAIN_POLL_SECONDS = 0.005


class BackgroundWork:
    """Carries events and runs jobs, in this process."""

    def __init__(self, bus: Bus, log: Log, metrics: Metrics) -> None:
        self._bus = bus
        self._log = log
        self._metrics = metrics
        self._relays: list[Relay] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, modules: Sequence[ServiceModule], lag: ConsumerLag) -> Mapping[str, Callable[[], None]]:
        """Start the relays, jobs and tasks of services; return, by service, what wakes its relay."""
        self._lag = lag
        self._relays = [Relay(module.outbox, self._bus, lag, self._log) for module in modules]
        self._tasks = [
            asyncio.create_task(relay.run(), name=f"relay {relay.service}") for relay in self._relays
        ]
        for module in modules:
            self._tasks += self._start_jobs(module)
        for relay in self._relays:
            relay.wake()
        return {relay.service: relay.wake for relay in self._relays}

    def _start_jobs(self, module: ServiceModule) -> list[asyncio.Task[None]]:
        handlers = {job.name: _handler(job) for job in module.jobs} | dict(module.job_handlers)
        intervals = {job.name: job.every for job in module.jobs}
        runner = JobRunner(
            module.database,
            handlers,
            self._log,
            self._metrics,
            units=module.job_units,
            intervals=intervals,
        )
        module.database.on_jobs(runner.wake)
        return [
            asyncio.create_task(runner.run(), name=f"jobs {module.name}"),
            *(asyncio.create_task(task.run_forever(self._log), name=task.name) for task in module.tasks),
        ]

    async def drain(self, seconds: float) -> None:
        """Relay pending events until none is pending or the timeout expires."""
        try:
            async with asyncio.timeout(seconds):
                # A consumer may emit events itself, into another outbox.
                while await self._has_pending():
                    await asyncio.gather(*(relay.drain() for relay in self._relays))
                    await asyncio.sleep(_DRAIN_POLL_SECONDS)
        except TimeoutError:
            self._log.warning("shutdown_with_pending_events", lag=await self._lag.by_consumer())

    async def stop(self) -> None:
        """End the relays and jobs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def problems(self) -> list[str]:
        """Return what does not go as it should."""
        dead = [f"{task.get_name()} ended; restart the server" for task in self._tasks if task.done()]
        failing = [
            f"{relay.service}: {relay.failures} failed deliveries; see the server's log"
            for relay in self._relays
            if relay.failures
        ]
        return dead + failing

    async def _has_pending(self) -> bool:
        return any([await relay.backlog() for relay in self._relays])


def _handler(scheduled: ScheduledJob) -> JobHandler:
    async def run(_job: Job) -> None:
        await scheduled.run()

    return run

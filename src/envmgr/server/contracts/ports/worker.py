"""The port of the worker, which counts events and runs jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
    from envmgr.server.kit.runtime.service_module import ServiceModule


class WorkerState(Protocol):
    """The state of the worker service."""

    async def event_counts(self) -> dict[str, float]:
        """Return the number of events by type."""
        ...

    async def problems(self) -> list[str]:
        """Return a line for each relay or job loop that fails."""
        ...


class EventWorker(WorkerState, Protocol):
    """The worker service, in the process that runs it."""

    def start(self, modules: Sequence[ServiceModule], lag: ConsumerLag) -> Mapping[str, Callable[[], None]]:
        """Start the relays and jobs of services; return, by service, the callback that wakes its relay."""
        ...

    async def drain(self, seconds: float) -> None:
        """Relay pending events until none is left or the time is over."""
        ...

    async def stop(self) -> None:
        """Stop relays and jobs."""
        ...

"""Sees every request come and go: logs it, counts it, and has refusals written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.telemetry.logs import printable
from envmgr.server.kit.telemetry.request_info import QUIET

if TYPE_CHECKING:
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics
    from envmgr.server.kit.telemetry.request_info import Seen

_FAILED = 500


class Refusals(Protocol):
    """Keeps evidence of who was refused."""

    async def denied(self, seen: Seen, status: int) -> None:
        """Write down that a request was refused."""
        ...


class Observer:
    """The server's witness (see `kit.witness.Witness`)."""

    def __init__(self, log: Log, metrics: Metrics, refusals: Refusals) -> None:
        self._log = log
        self._metrics = metrics
        self._refusals = refusals

    async def denied(self, seen: Seen, status: int) -> None:
        """Take note of a refused request, before its answer leaves."""
        await self._refusals.denied(seen, status)

    def answered(self, seen: Seen, status: int, seconds: float) -> None:
        """Take note of an answer."""
        self._metrics.answered(seen.method, seen.route, status, seconds)
        if seen.route in QUIET and status < _FAILED:
            return
        more = {"traceparent": seen.traceparent} if seen.traceparent else {}
        say = self._log.error if status >= _FAILED else self._log.info
        say(
            "request",
            method=seen.method,
            path=printable(seen.path),
            status=status,
            ms=round(seconds * 1000, 2),
            actor=seen.actor,
            client=seen.client,
            route=seen.route,
            request_id=seen.request_id,
            **more,
        )

    def failed(self, seen: Seen, error: BaseException) -> None:
        """Take note of a bug of ours."""
        self._log.error("bug", request_id=seen.request_id, route=seen.route, exc_info=error)

"""Sees every request come and go: logs it, counts it, and has refusals written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.telemetry.logs import printable
from envmgr.server.kit.telemetry.request_info import PROBE_PATHS

if TYPE_CHECKING:
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics
    from envmgr.server.kit.telemetry.request_info import RequestInfo

_SERVER_ERROR = 500


class DenialRecorder(Protocol):
    """Keeps evidence of who was refused."""

    async def record_denial(self, info: RequestInfo, status: int) -> None:
        """Write down that a request was refused."""
        ...


class AccessLog:
    """The server's witness (see `kit.witness.Witness`)."""

    def __init__(self, log: Log, metrics: Metrics, denials: DenialRecorder) -> None:
        self._log = log
        self._metrics = metrics
        self._denials = denials

    async def on_denied(self, info: RequestInfo, status: int) -> None:
        """Take note of a refused request, before its answer leaves."""
        await self._denials.record_denial(info, status)

    def on_response(self, info: RequestInfo, status: int, seconds: float) -> None:
        """Take note of an answer."""
        self._metrics.record_request(info.method, info.route, status, seconds)
        if info.route in PROBE_PATHS and status < _SERVER_ERROR:
            return
        more = {"traceparent": info.traceparent} if info.traceparent else {}
        say = self._log.error if status >= _SERVER_ERROR else self._log.info
        say(
            "request",
            method=info.method,
            path=printable(info.path),
            status=status,
            ms=round(seconds * 1000, 2),
            actor=info.actor,
            client=info.client,
            route=info.route,
            request_id=info.request_id,
            **more,
        )

    def on_error(self, info: RequestInfo, error: BaseException) -> None:
        """Take note of a bug of ours."""
        self._log.error("bug", request_id=info.request_id, route=info.route, exc_info=error)

"""Access log: logs and counts requests, and records denials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.telemetry.damage_log import log_damage
from envmgr.server.kit.telemetry.logs import printable
from envmgr.server.kit.telemetry.request_info import PROBE_PATHS

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics
    from envmgr.server.kit.telemetry.request_info import RequestInfo

_SERVER_ERROR = 500


class DenialRecorder(Protocol):
    """Record of denied requests."""

    async def record_denial(self, info: RequestInfo, status: int) -> None:
        """Record a denied request."""
        ...


class AccessLog:
    """Request observer that logs and counts (see `kit.telemetry.request_info.RequestObserver`)."""

    def __init__(self, log: Log, metrics: Metrics, denials: DenialRecorder) -> None:
        self._log = log
        self._metrics = metrics
        self._denials = denials

    async def on_denied(self, info: RequestInfo, status: int) -> None:
        """Record a denied request before its response is sent."""
        await self._denials.record_denial(info, status)

    def on_response(self, info: RequestInfo, status: int, seconds: float) -> None:
        """Log and count a response."""
        self._metrics.record_request(info.method, info.route, status, seconds)
        if info.route in PROBE_PATHS and status < _SERVER_ERROR:
            return
        fields = {"traceparent": info.traceparent} if info.traceparent else {}
        self._log_function(info, status)(
            "http_request",
            method=info.method,
            path=printable(info.path),
            status=status,
            duration_ms=round(seconds * 1000, 2),
            actor=info.actor,
            client=info.client,
            route=info.route,
            request_id=info.request_id,
            **fields,
        )

    def _log_function(self, info: RequestInfo, status: int) -> Callable[..., object]:
        """Return the function of a level: a probe that is refused reports a state, and repeats it."""
        if status < _SERVER_ERROR:
            return self._log.info
        return self._log.warning if info.route in PROBE_PATHS else self._log.error

    def on_error(self, info: RequestInfo, error: BaseException) -> None:
        """Log what a damaged database needs, or an unhandled exception."""
        if isinstance(error, DamagedDatabase):
            log_damage(self._log, error, request_id=info.request_id, route=info.route)
            return
        self._log.error("unhandled_exception", request_id=info.request_id, route=info.route, exc_info=error)

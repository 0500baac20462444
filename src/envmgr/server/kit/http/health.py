"""Liveness, readiness and metrics endpoints."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.http.errors import PROBLEM_JSON, ProblemDocument
from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.http.requests import HttpRequest, require_known_params
from envmgr.server.kit.telemetry.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.kit.telemetry.metrics import Metrics

CHECK_TIMEOUT_SECONDS = 2.0
"""Seconds allowed for a check."""
_UNAUTHENTICATED: dict[str, Any] = {"tags": ["health"], "opt": {"scope": None}, "security": []}


class NotReady(ServiceUnavailable):
    """The server must not receive requests now."""

    slug, title = "not-ready", "Not ready"

    def __init__(self, detail: str, results: Sequence[CheckResult] = ()) -> None:
        super().__init__(detail, retry_after=5)
        self.members = {"checks": results}


class Liveness(Struct, frozen=True):
    """The liveness response."""

    status: Literal["alive"] = "alive"


class CheckResult(Struct, frozen=True):
    """The result of one check."""

    name: str
    ok: bool
    detail: str


class Readiness(Struct, frozen=True):
    """The readiness response."""

    status: Literal["ready"]
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A named check: returns a short status, or raises ServiceUnavailable."""

    name: str
    run: Callable[[], Awaitable[str]]


@dataclass(slots=True)
class Health:
    """The checks to run, and the gauges to update before metrics are rendered."""

    metrics: Metrics
    checks: list[Check] = field(default_factory=list)
    gauges: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    is_stopping: bool = False

    async def ready(self) -> Readiness:
        """Run all checks; raise NotReady with their results."""
        if self.is_stopping:
            raise NotReady("shutting down")
        findings = tuple(await asyncio.gather(*map(_run_check, self.checks)))
        bad = [f"{finding.name}: {finding.detail}" for finding in findings if not finding.ok]
        if bad:
            raise NotReady("; ".join(bad), findings)
        return Readiness("ready", findings)

    async def metrics_text(self) -> bytes:
        """Return the metrics."""
        await asyncio.gather(*(gauge() for gauge in self.gauges))
        return self.metrics.render()


POLICY = RequestPolicy(public_paths=frozenset({"/healthz", "/readyz", "/metrics"}))


def routes(health: Health) -> list[Any]:
    """Create the route handlers."""

    @get("/healthz", operation_id="getHealth", summary="Liveness probe", **_UNAUTHENTICATED)
    async def alive(request: HttpRequest) -> Liveness:
        require_known_params(request)
        return Liveness()

    @get(
        "/readyz",
        operation_id="getReadiness",
        summary="Readiness probe",
        description="Checks databases, event delivery and the audit log.",
        responses={
            503: ResponseSpec(
                ProblemDocument,
                generate_examples=False,
                media_type=PROBLEM_JSON,
                description="Not ready; see `checks`.",
            )
        },
        **_UNAUTHENTICATED,
    )
    async def ready(request: HttpRequest) -> Readiness:
        require_known_params(request)
        return await health.ready()

    @get(
        "/metrics",
        operation_id="getMetrics",
        summary="Prometheus metrics",
        media_type="text/plain",
        **_UNAUTHENTICATED,
    )
    async def metrics(request: HttpRequest) -> Response[bytes]:
        require_known_params(request)
        return Response(await health.metrics_text(), media_type=CONTENT_TYPE)

    return [alive, ready, metrics]


async def _run_check(check: Check) -> CheckResult:
    try:
        return CheckResult(check.name, True, await asyncio.wait_for(check.run(), CHECK_TIMEOUT_SECONDS))
    except TimeoutError:
        return CheckResult(check.name, False, f"timed out after {CHECK_TIMEOUT_SECONDS:g} s")
    except Exception as error:  # noqa: BLE001 - any error of a check makes it fail
        return CheckResult(check.name, False, getattr(error, "detail", type(error).__name__))

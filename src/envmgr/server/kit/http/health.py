"""Whether the server is alive, whether it is ready, and its metrics: for machines that look every few seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.http.errors import PROBLEM_JSON, ProblemDocument
from envmgr.server.kit.http.requests import HttpRequest, require_known_params
from envmgr.server.kit.telemetry.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.kit.telemetry.metrics import Metrics

CHECK_TIMEOUT_SECONDS = 2.0
"""Seconds that a check may take."""
_UNAUTHENTICATED: dict[str, Any] = {"tags": ["health"], "opt": {"scope": None}, "security": []}


class NotReady(ServiceUnavailable):
    """Requests should go elsewhere for now."""

    slug, title = "not-ready", "Not ready"

    def __init__(self, detail: str, results: Sequence[CheckResult] = ()) -> None:
        super().__init__(detail, retry_after=5)
        self.members = {"checks": results}


class Liveness(Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class CheckResult(Struct, frozen=True):
    """How one part of the server is."""

    name: str
    ok: bool
    detail: str


class Readiness(Struct, frozen=True):
    """Every part of the server is as it should be."""

    status: Literal["ready"]
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one part: says how it is, in a few words, or raises Unavailable."""

    name: str
    run: Callable[[], Awaitable[str]]


@dataclass(slots=True)
class Health:
    """What there is to check, and to measure just before somebody reads the metrics."""

    metrics: Metrics
    checks: list[Check] = field(default_factory=list)
    gauges: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    is_stopping: bool = False

    async def ready(self) -> Readiness:
        """Check everything. Raise NotReady, with what was found."""
        if self.is_stopping:
            raise NotReady("the server is stopping")
        findings = tuple(await asyncio.gather(*map(_run_check, self.checks)))
        bad = [f"{finding.name}: {finding.detail}" for finding in findings if not finding.ok]
        if bad:
            raise NotReady("; ".join(bad), findings)
        return Readiness("ready", findings)

    async def metrics_text(self) -> bytes:
        """Return the metrics."""
        await asyncio.gather(*(gauge() for gauge in self.gauges))
        return self.metrics.render()


def routes(health: Health) -> list[Any]:
    """Make the handlers."""

    @get("/healthz", operation_id="getHealth", summary="Is the process alive?", **_UNAUTHENTICATED)
    async def alive(request: HttpRequest) -> Liveness:
        require_known_params(request)
        return Liveness()

    @get(
        "/readyz",
        operation_id="getReadiness",
        summary="Should requests come here?",
        description="Looks at the databases, the events on their way, and the audit.",
        responses={
            503: ResponseSpec(
                ProblemDocument,
                generate_examples=False,
                media_type=PROBLEM_JSON,
                description="Not for now; `checks` says why.",
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
        summary="What the server counts, for Prometheus",
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
        return CheckResult(check.name, False, f"no answer within {CHECK_TIMEOUT_SECONDS:g} s")
    except Exception as error:  # noqa: BLE001 - whatever it is, the part is not well
        return CheckResult(check.name, False, getattr(error, "detail", type(error).__name__))

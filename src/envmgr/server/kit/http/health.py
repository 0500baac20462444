"""Whether the server is alive, whether it is ready, and its metrics: for machines that look every few seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from envmgr.server.kit.common.problems import Unavailable
from envmgr.server.kit.http.errors import PROBLEM_JSON, ProblemDocument
from envmgr.server.kit.http.requests import Asked, allow_only
from envmgr.server.kit.telemetry.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.kit.telemetry.metrics import Metrics

PATIENCE = 2.0
"""Seconds that a check may take."""
_OPEN: dict[str, Any] = {"tags": ["health"], "opt": {"needs": None}, "security": []}


class NotReady(Unavailable):
    """Requests should go elsewhere for now."""

    title = "The server is not ready"

    def __init__(self, detail: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(detail, retry_after=5)
        self.members = {"checks": findings}


class Alive(Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Finding(Struct, frozen=True):
    """How one part of the server is."""

    name: str
    ok: bool
    detail: str


class Ready(Struct, frozen=True):
    """Every part of the server is as it should be."""

    status: Literal["ready"]
    checks: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one part: says how it is, in a few words, or raises Unavailable."""

    name: str
    look: Callable[[], Awaitable[str]]


@dataclass(slots=True)
class Health:
    """What there is to check, and to measure just before somebody reads the metrics."""

    metrics: Metrics
    checks: list[Check] = field(default_factory=list)
    gauges: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    is_stopping: bool = False

    async def ready(self) -> Ready:
        """Check everything. Raise NotReady, with what was found."""
        if self.is_stopping:
            raise NotReady("the server is stopping")
        findings = tuple(await asyncio.gather(*map(_look, self.checks)))
        bad = [f"{finding.name}: {finding.detail}" for finding in findings if not finding.ok]
        if bad:
            raise NotReady("; ".join(bad), findings)
        return Ready("ready", findings)

    async def measured(self) -> bytes:
        """Return the metrics."""
        await asyncio.gather(*(gauge() for gauge in self.gauges))
        return self.metrics.text()


def routes(health: Health) -> list[Any]:
    """Make the handlers."""

    @get("/healthz", operation_id="getHealth", summary="Is the process alive?", **_OPEN)
    async def alive(request: Asked) -> Alive:
        allow_only(request)
        return Alive()

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
        **_OPEN,
    )
    async def ready(request: Asked) -> Ready:
        allow_only(request)
        return await health.ready()

    @get(
        "/metrics",
        operation_id="getMetrics",
        summary="What the server counts, for Prometheus",
        media_type="text/plain",
        **_OPEN,
    )
    async def metrics(request: Asked) -> Response[bytes]:
        allow_only(request)
        return Response(await health.measured(), media_type=CONTENT_TYPE)

    return [alive, ready, metrics]


async def _look(check: Check) -> Finding:
    try:
        return Finding(check.name, True, await asyncio.wait_for(check.look(), PATIENCE))
    except TimeoutError:
        return Finding(check.name, False, f"no answer within {PATIENCE:g} s")
    except Exception as error:  # noqa: BLE001 - whatever it is, the part is not well
        return Finding(check.name, False, getattr(error, "detail", type(error).__name__))

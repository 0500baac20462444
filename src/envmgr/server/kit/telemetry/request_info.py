"""Protocols of the request middleware: authenticator and request observer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from envmgr.server.kit.common.context import CurrentPermissions, Principal


PROBE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths polled by probes, left out of the log and traces while they succeed."""


class Authenticator(Protocol):
    """Resolves credentials to principals."""

    async def authenticate(self, token: str) -> Principal:
        """Return the principal of a token; raise Unauthenticated."""
        ...

    def current_permissions(self) -> CurrentPermissions:
        """Return the permissions as of now; blocks, for units of work; raise ServiceUnavailable."""
        ...


class RequestObserver(Protocol):
    """Observer of requests."""

    async def on_denied(self, info: RequestInfo, status: int) -> None:
        """Record a denied request before its response is sent."""
        ...

    def on_response(self, info: RequestInfo, status: int, seconds: float) -> None:
        """Record a response."""
        ...

    def on_error(self, info: RequestInfo, error: BaseException) -> None:
        """Record an unhandled exception."""
        ...


@dataclass(slots=True)
class RequestInfo:
    """A request as shown in logs, metrics and the audit log."""

    method: str
    path: str
    client: str
    request_id: str
    actor: str = ""
    route: str = ""
    traceparent: str = ""
    problem: str = ""
    """Slug of the problem in the response."""
    reason: str = ""

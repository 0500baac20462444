"""Who knows the callers, and who sees them: what the door asks of others, and what it tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from envmgr.server.kit.common.context import Principal


PROBE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: nobody wants to read of it where it goes well."""


class Authenticator(Protocol):
    """Knows whom a credential belongs to."""

    async def authenticate(self, token: str) -> Principal:
        """Return whose token it is. Raise Unauthenticated."""
        ...


class RequestObserver(Protocol):
    """Sees what the door sees."""

    async def on_denied(self, info: RequestInfo, status: int) -> None:
        """Take note of a refused request, before its answer leaves."""
        ...

    def on_response(self, info: RequestInfo, status: int, seconds: float) -> None:
        """Take note of an answer."""
        ...

    def on_error(self, info: RequestInfo, error: BaseException) -> None:
        """Take note of a bug of ours."""
        ...


@dataclass(slots=True)
class RequestInfo:
    """A request, as logs, metrics and the audit speak of it."""

    method: str
    path: str
    client: str
    request_id: str
    actor: str = ""
    route: str = ""
    traceparent: str = ""
    problem: str = ""
    """The kind of problem it was answered with."""
    reason: str = ""

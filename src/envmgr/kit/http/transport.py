"""Ports of the HTTP client: a transport sends one request, without redirects, retries or credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.kit.http.client import HttpRequest
    from envmgr.kit.http.network_errors import RequestAttempt


class TransportResponse(Protocol):
    """A response whose body is read in blocks."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by names in lower case, several of one name as one."""
        ...

    def blocks(self, *, decoded: bool) -> Iterator[bytes]:
        """Yield the body, as sent or decoded; raise NetworkError if it is incomplete."""
        ...

    def close(self) -> None:
        """Release the connection; one whose body was not read to its end is closed."""
        ...


class Transport(Protocol):
    """Sends requests over connections that it keeps open; thread-safe."""

    def send(self, request: HttpRequest, attempt: RequestAttempt) -> TransportResponse:
        """Return the response of any status; raise NetworkError without one.

        `attempt` names the peer in errors, and its timeout is that of each operation: connect, read, write.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...

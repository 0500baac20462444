"""ASGI types, and the keys under which the middleware leaves its findings in a request's scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_CONTEXT = "alm.context"
"""Where the door leaves the call in a request's scope."""

SCOPE_HEADERS = "alm.headers"
"""Where the door leaves the headers of a request, by their names."""

SCOPE_REAUTHENTICATE = "alm.reauthenticate"
"""Where the door leaves what says whose the request's credential is by now, or raises Unauthenticated."""

SCOPE_PROBLEM = "alm.problem"
"""Where the edge leaves the problem that it answered with, for the door to see."""

"""ASGI types and the scope keys that the request middleware sets."""

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
"""Scope key of the `RequestContext`."""

SCOPE_HEADERS = "alm.headers"
"""Scope key of the request headers, by lower-case name."""

SCOPE_REAUTHENTICATE = "alm.reauthenticate"
"""Scope key of a callable that returns the credential's current owner, or raises Unauthenticated."""

SCOPE_PROBLEM = "alm.problem"
"""Scope key of the problem that was sent, read by the middleware."""

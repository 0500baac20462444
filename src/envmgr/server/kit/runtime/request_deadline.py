"""ASGI middleware: the deadline of each request, for the calls of other services that it makes.

The deadline begins when the body has arrived, as slow clients have limits of their own. Streams have none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from envmgr.server.kit.common.deadlines import begin_deadline
from envmgr.server.kit.http.asgi import SCOPE_HEADERS
from envmgr.server.kit.http.headers import has_body

if TYPE_CHECKING:
    from envmgr.server.kit.http.asgi import Application, Message, Receive, Scope, Send

REQUEST_TIMEOUT_SECONDS = 20.0
_EVENT_STREAM = b"text/event-stream"


class RequestDeadline:
    """Set the deadline of requests; within `RequestMiddleware`, which provides their headers."""

    def __init__(self, application: Application, timeout_seconds: float = REQUEST_TIMEOUT_SECONDS) -> None:
        self._application = application
        self._timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request in a task of its own, to whose context the deadline belongs."""
        headers = scope[SCOPE_HEADERS]
        is_stream = _EVENT_STREAM in headers.get(b"accept", b"")
        begin_deadline(math.inf if is_stream else self._timeout_seconds)
        if is_stream or not has_body(headers):
            await self._application(scope, receive, send)
            return

        async def receive_chunk() -> Message:
            message = await receive()
            begin_deadline(self._timeout_seconds)
            return message

        await self._application(scope, receive_chunk, send)

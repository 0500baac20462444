"""Request IDs and W3C trace context from request headers, and the trace of the request in progress."""

from __future__ import annotations

import re
from contextvars import ContextVar

from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.security.redaction import redact

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_CURRENT: ContextVar[str] = ContextVar("_CURRENT", default="")


def begin_trace(traceparent_of_request: str) -> None:
    """Set the traceparent of the rest of this task, for the calls that it makes without a context."""
    _CURRENT.set(traceparent_of_request)


def current_traceparent() -> str:
    """Return the traceparent of the request in progress, or an empty string."""
    return _CURRENT.get()


def request_id(header: bytes | None) -> str:
    """Return the request's ID header; a new ID if it is missing, malformed, or contains a credential."""
    if header is None or not _REQUEST_ID.fullmatch(header):
        return uuid7()
    text = header.decode()
    return text if redact(text) == text else uuid7()


def traceparent(header: bytes | None) -> str:
    """Return the traceparent (https://www.w3.org/TR/trace-context/) of a request, or an empty string."""
    return header.decode() if header and _TRACEPARENT.fullmatch(header) else ""

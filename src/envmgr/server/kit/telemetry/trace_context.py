"""Request ids and W3C trace context, out of request headers."""

from __future__ import annotations

import re

from envmgr.server.kit.common.ids import uuid7

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def request_id(header: bytes | None) -> str:
    """Return the id that a request came with, or a new one."""
    return header.decode() if header and _REQUEST_ID.fullmatch(header) else uuid7()


def traceparent(header: bytes | None) -> str:
    """Return the trace that a request belongs to (https://www.w3.org/TR/trace-context/), or nothing."""
    return header.decode() if header and _TRACEPARENT.fullmatch(header) else ""

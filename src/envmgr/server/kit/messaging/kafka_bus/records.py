"""Events as records of a topic: CloudEvents in the structured mode of its binding for Kafka.

Kafka appends a record wherever the log ends. Each record states the offset that its publisher expected, and counts only
at this offset: readers skip what a late or a second publisher appends, and what follows records that the broker lost.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.messaging.cloud_events import CONTENT_TYPE, InvalidEvent, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope

PARTITION = 0
"""The only partition of a topic: the order of events is that of their source."""
EXPECTED_OFFSET_HEADER = "expected-offset"
_CONTENT_TYPE_HEADER = "content-type"
_DIGEST_CHARS = 32


class Record(Protocol):
    """A record as the client returns it."""

    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def headers(expected_offset: int) -> list[tuple[str, bytes]]:
    """Return the headers of an event that is expected at an offset."""
    return [
        (_CONTENT_TYPE_HEADER, CONTENT_TYPE.encode()),
        (EXPECTED_OFFSET_HEADER, str(expected_offset).encode()),
    ]


def event_of(record: Record) -> EventEnvelope:
    """Return the event in a record; raise InvalidEvent, also for a record at another offset than expected."""
    expected = dict(record.headers).get(EXPECTED_OFFSET_HEADER, b"none")
    if expected != str(record.offset).encode():
        raise InvalidEvent(f"expected at offset {expected.decode(errors='replace')}")
    return decode(record.value or b"")


def digest(record: Record) -> str:
    """Return what identifies a record's content."""
    return hashlib.sha256(record.value or b"").hexdigest()[:_DIGEST_CHARS]

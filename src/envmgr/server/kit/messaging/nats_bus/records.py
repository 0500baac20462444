"""Events as messages of a stream: CloudEvents in the structured mode of its binding for NATS.

Any client may append a message to a stream. Each message of a publisher states the last sequence that it expects, and
NATS refuses it after another one; so a message that states none, or another one, is of another client. Publishers and
readers both skip it: an event that no relay is known to have published would be taken for one that the outbox lost.
Of an atomic batch, NATS compares the first message's only; the others state theirs in a header of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nats.js.api import Header

from envmgr.server.kit.messaging.cloud_events import CONTENT_TYPE, InvalidEvent, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.common.events import EventEnvelope

_CONTENT_TYPE_HEADER = "content-type"
_BATCH_ID_HEADER, _BATCH_SEQUENCE_HEADER, _BATCH_COMMIT_HEADER = (
    "Nats-Batch-Id",
    "Nats-Batch-Sequence",
    "Nats-Batch-Commit",
)
MAX_HEADERS_BYTES = 512
"""Upper limit of the size of the headers of an event, which count as part of its message."""
_EXPECTED_IN_BATCH_HEADER = "Alm-Expected-Last-Sequence"


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """The batch of a message, and its number there, from 1."""

    batch_id: str
    number: int
    is_last: bool


def separate_headers(event: EventEnvelope, expected: int, previous_id: str) -> dict[str, str]:
    """Return the headers of a separate event; `previous_id` is empty for the first that is sent."""
    return {
        Header.MSG_ID: event.id,
        Header.EXPECTED_LAST_SEQUENCE: str(expected),
        **({Header.EXPECTED_LAST_MSG_ID: previous_id} if previous_id else {}),
        _CONTENT_TYPE_HEADER: CONTENT_TYPE,
    }


def batch_headers(event: EventEnvelope, expected: int, entry: BatchEntry) -> dict[str, str]:
    """Return the headers of an event in an atomic batch."""
    is_first = entry.number == 1
    return {
        Header.MSG_ID: event.id,
        (Header.EXPECTED_LAST_SEQUENCE if is_first else _EXPECTED_IN_BATCH_HEADER): str(expected),
        _BATCH_ID_HEADER: entry.batch_id,
        _BATCH_SEQUENCE_HEADER: str(entry.number),
        **({_BATCH_COMMIT_HEADER: "1"} if entry.is_last else {}),
        _CONTENT_TYPE_HEADER: CONTENT_TYPE,
    }


def event_of(data: bytes | None, headers: Mapping[str, str] | None, number: int) -> EventEnvelope:
    """Return the event in the message with a number; raise InvalidEvent, also for one of another client."""
    expected = _read_expected(headers or {})
    if expected != str(number - 1):
        raise InvalidEvent(f"expected after message {expected}")
    return decode(data or b"")


def _read_expected(headers: Mapping[str, str]) -> str:
    stated = headers.get(Header.EXPECTED_LAST_SEQUENCE)
    return headers.get(_EXPECTED_IN_BATCH_HEADER, "none") if stated is None else stated

"""Events as messages of a stream: CloudEvents in the structured mode of its binding for NATS.

Any client may append a message to a stream. Each message of a publisher states the last sequence that it expects, and
NATS refuses it after another one; so a message that states none, or another one, is of another client. Publishers and
readers both skip it: an event that no relay is known to have published would be taken for one that the outbox lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nats.js.api import Header

from envmgr.server.kit.messaging.cloud_events import CONTENT_TYPE, InvalidEvent, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.common.events import EventEnvelope

_CONTENT_TYPE_HEADER = "content-type"


def event_headers(event: EventEnvelope, expected: int, previous_id: str) -> dict[str, str]:
    """Return the headers of an event; `previous_id` is empty for the first that is sent."""
    return {
        Header.MSG_ID: event.id,
        Header.EXPECTED_LAST_SEQUENCE: str(expected),
        **({Header.EXPECTED_LAST_MSG_ID: previous_id} if previous_id else {}),
        _CONTENT_TYPE_HEADER: CONTENT_TYPE,
    }


def event_of(data: bytes | None, headers: Mapping[str, str] | None, number: int) -> EventEnvelope:
    """Return the event in the message with a number; raise InvalidEvent, also for one of another client."""
    expected = (headers or {}).get(Header.EXPECTED_LAST_SEQUENCE, "none")
    if expected != str(number - 1):
        raise InvalidEvent(f"expected after message {expected}")
    return decode(data or b"")

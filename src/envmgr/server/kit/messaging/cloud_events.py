"""Events on the wire: CloudEvents 1.0 in the JSON format, one event a message."""

from __future__ import annotations

import msgspec

from envmgr.server.kit.common.events import EventEnvelope

CONTENT_TYPE = "application/cloudevents+json"


class InvalidEvent(ValueError):
    """A message is not an event of this server."""


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(EventEnvelope).decode


def decode(message: bytes) -> EventEnvelope:
    """Return the event in a message; raise InvalidEvent."""
    try:
        event = _decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"invalid event: {error}") from error
    if event.specversion != "1.0":
        raise InvalidEvent(f"unsupported CloudEvents specversion {event.specversion!r}")
    return event

"""Events as they travel: CloudEvents 1.0 (https://github.com/cloudevents/spec), JSON.

`sequence` has no gap within a source; `subject` is the resource (`app/7/version/42`), whose events stay in order.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class DomainEvent(Struct, frozen=True, kw_only=True):
    """An event before its outbox gives it an id, a time and its place in the sequence."""

    type: str
    subject: str
    data: Mapping[str, object]
    actor: str
    traceparent: str = ""


class EventEnvelope(Struct, frozen=True, kw_only=True):
    """An event as it travels; `actor` is an extension attribute."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    sequence: int
    actor: str
    data: Mapping[str, object]
    traceparent: str = ""
    specversion: str = "1.0"
    datacontenttype: str = "application/json"

    @property
    def service(self) -> str:
        """Name the service it comes from."""
        return self.source.removeprefix("alm/")

"""Domain events and their CloudEvents 1.0 envelope (https://github.com/cloudevents/spec).

`sequence` has no gap within a source; `subject` is the resource (`app/7/version/42`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

SOURCE_PREFIX = "alm/"


class EventData(Struct, frozen=True, kw_only=True):
    """The data of one type of event; each type is a struct of its own."""

    TYPE: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1
    """Increases when a field changes its meaning or is removed; adding one keeps the version."""


class DomainEvent(Struct, frozen=True, kw_only=True):
    """An event before the outbox assigns its ID, time and sequence."""

    subject: str
    data: EventData
    actor: str
    traceparent: str = ""

    @property
    def type(self) -> str:
        """The type of the event."""
        return self.data.TYPE


class EventEnvelope(Struct, frozen=True, kw_only=True):
    """An event as delivered; `actor` is an extension attribute."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    sequence: int
    actor: str
    data: Mapping[str, object]
    dataschema: str = ""
    traceparent: str = ""
    specversion: str = "1.0"
    datacontenttype: str = "application/json"

    @property
    def service(self) -> str:
        """The service that emitted the event."""
        return service_of(self.source)


def source_of(service: str) -> str:
    """Return the CloudEvents source of a service."""
    return SOURCE_PREFIX + service


def service_of(source: str) -> str:
    """Return the service of a CloudEvents source."""
    return source.removeprefix(SOURCE_PREFIX)


def schema_of(type_: str, version: int) -> str:
    """Return the CloudEvents dataschema of a type of event in a version."""
    return f"/events/{type_}/{version}"

"""Offsets: up to which sequence a consumer has consumed, or dead-lettered, the events of a service.

A consumer records its offset in its own database, in the transaction of its effect. An offset never decreases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import MetaData, bindparam, select

from envmgr.server.kit.common.events import service_of
from envmgr.server.kit.db.constructs import rows_of, upsert
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Reader, Transaction

_TABLE = Tables(MetaData()).consumer_offset
_COLUMNS = ("consumer", "service", "sequence")
_RECORD = Statement(
    upsert(
        _TABLE,
        rows_of(_TABLE, *_COLUMNS),
        key=_COLUMNS[:2],
        update=lambda new: {"sequence": new.sequence},
        where=lambda new: _TABLE.c.sequence < new.sequence,
    )
)
_GET = Statement(
    select(_TABLE.c.sequence).where(
        _TABLE.c.consumer == bindparam("consumer"), _TABLE.c.service == bindparam("service")
    )
)
_ALL = Statement(
    select(_TABLE.c.service, _TABLE.c.sequence).where(_TABLE.c.consumer == bindparam("consumer"))
)
_OF_SERVICE = Statement(
    select(_TABLE.c.consumer, _TABLE.c.sequence).where(_TABLE.c.service == bindparam("service"))
)


def record(transaction: Transaction, consumer: str, events: Iterable[EventEnvelope]) -> None:
    """Record that a consumer has consumed everything up to these events."""
    offsets: dict[str, int] = {}
    for event in events:
        if event.sequence > offsets.get(event.source, 0):
            offsets[event.source] = event.sequence
    if offsets:
        record_all(
            transaction, [(consumer, service_of(source), offset) for source, offset in offsets.items()]
        )


def record_all(transaction: Transaction, offsets: list[tuple[str, str, int]]) -> None:
    """Record offsets: of consumers, in the events of services."""
    transaction.execute_many(_RECORD, offsets)


def get(reader: Reader, consumer: str, service: str) -> int:
    """Return a consumer's offset in the events of a service; 0 before its first event."""
    row = reader.one(_GET, consumer=consumer, service=service)
    return int(row[0]) if row else 0


def get_all(reader: Reader, consumer: str) -> Mapping[str, int]:
    """Return a consumer's offsets by service."""
    return {str(service): int(sequence) for service, sequence in reader.all(_ALL, consumer=consumer)}


def get_by_consumer(reader: Reader, service: str) -> Mapping[str, int]:
    """Return the offsets of all consumers in the events of a service."""
    return {str(consumer): int(sequence) for consumer, sequence in reader.all(_OF_SERVICE, service=service)}

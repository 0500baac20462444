"""The outbox: events are written in the transaction that causes them, numbered without a gap, and relayed later.

The outbox is the record, and the bus only carries: a row stays until every consumer has it, and some days longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import MetaData, bindparam, delete, func, select, update

from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.events import EventEnvelope, schema_of, source_of
from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.db.constructs import insert_rows, json_rows_of, json_text, rows_of
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

RETENTION_MS = 7 * 24 * 3600 * 1000
"""How long a row stays that every consumer has."""
MAX_BATCH_CHARS = 2**25
"""Characters of data after which no more events are read at once: one text has a limited length."""

_PLAIN = ("sequence", "id", "type", "schema_version", "subject", "time", "actor", "traceparent")
_TABLES = Tables(MetaData())
_OUTBOX, _HEAD = _TABLES.outbox, _TABLES.outbox_head
_ACKNOWLEDGED_SEQUENCE = Statement(select(_HEAD.c.acknowledged_sequence))
_NEXT = (
    select(_OUTBOX.c.sequence, func.length(_OUTBOX.c.data).label("size"))
    .where(_OUTBOX.c.sequence > bindparam("after"))
    .order_by(_OUTBOX.c.sequence)
    .limit(bindparam("most"))
    .subquery()
)
_WITH_SIZE = select(
    _NEXT.c.sequence,
    (func.sum(_NEXT.c.size).over(order_by=_NEXT.c.sequence) - _NEXT.c.size).label("before"),
).subquery()
_LAST = select(func.max(_WITH_SIZE.c.sequence)).where(_WITH_SIZE.c.before < MAX_BATCH_CHARS).scalar_subquery()
_PENDING = Statement(
    # All events as one row: a row each would let another thread run in between.
    select(json_rows_of(*(_OUTBOX.c[name] for name in _PLAIN), json_text(_OUTBOX.c.data))).where(
        _OUTBOX.c.sequence > bindparam("after"), _OUTBOX.c.sequence <= _LAST
    )
)
_NUMBER = Statement(
    update(_HEAD).values(sequence=_HEAD.c.sequence + bindparam("more")).returning(_HEAD.c.sequence)
)
_ADD = Statement(insert_rows(_OUTBOX, rows_of(_OUTBOX, *_PLAIN, "data")))
_LATEST_SEQUENCE = Statement(select(_HEAD.c.sequence))
_BACKLOG = Statement(select(_HEAD.c.sequence - _HEAD.c.acknowledged_sequence))
_ACKNOWLEDGE = Statement(
    update(_HEAD)
    .values(acknowledged_sequence=bindparam("upto"))
    .where(_HEAD.c.acknowledged_sequence < bindparam("upto"))
)
_PURGE_EXPIRED = Statement(
    delete(_OUTBOX).where(
        _OUTBOX.c.sequence <= select(_HEAD.c.acknowledged_sequence).scalar_subquery(),
        _OUTBOX.c.time < bindparam("before"),
    )
)
_Row = tuple[int, str, str, int, str, int, str, str, dict[str, object]]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[_Row]).decode


def append(transaction: Transaction, events: Sequence[DomainEvent]) -> None:
    """Write what a group of units told; the writer is the only one that numbers."""
    if not events:
        return
    row = transaction.one(_NUMBER, more=len(events))
    first = row[0] - len(events) + 1 if row else 1
    rows = [
        (
            number,
            uuid7(),
            each.data.TYPE,
            each.data.VERSION,
            each.subject,
            transaction.now,
            each.actor,
            each.traceparent,
            _encode(each.data).decode(),
        )
        for number, each in enumerate(events, first)
    ]
    transaction.execute_many(_ADD, rows)


class Outbox:
    """A service's outbox, as whoever relays it sees it."""

    def __init__(self, database: Database, service: str) -> None:
        self._database = database
        self.service = service

    async def pending(self, limit: int) -> Sequence[EventEnvelope]:
        """Return the oldest events that not every consumer has, in order: fewer than `most` where they are large."""
        return await self._database.read(lambda reader: _pending(reader, source_of(self.service), limit))

    async def acknowledge(self, up_to: int) -> None:
        """Write down that every consumer has all events up to this one."""
        await self._database.write(lambda transaction: transaction.execute(_ACKNOWLEDGE, upto=up_to))

    async def acknowledged_sequence(self) -> int:
        """Return the number up to which every consumer has all events, or has put them aside."""
        row = await self._database.read_inline(lambda reader: reader.one(_ACKNOWLEDGED_SEQUENCE))
        return int(row[0]) if row else 0

    async def backlog(self) -> int:
        """Count the events that wait."""
        row = await self._database.read(lambda reader: reader.one(_BACKLOG))
        return int(row[0]) if row else 0


def purge_expired(transaction: Transaction) -> int:
    """Drop rows that every consumer has had for a week."""
    return transaction.execute(_PURGE_EXPIRED, before=transaction.now - RETENTION_MS)


def latest_sequence(reader: Reader) -> int:
    """Return the number of the newest event that a service told."""
    row = reader.one(_LATEST_SEQUENCE)
    return int(row[0]) if row else 0


def _pending(reader: Reader, source: str, limit: int) -> Sequence[EventEnvelope]:
    sent = reader.one(_ACKNOWLEDGED_SEQUENCE)
    told = reader.one(_PENDING, after=sent[0] if sent else 0, most=limit)
    # An aggregate's order is not guaranteed.
    return [_event(source, each) for each in sorted(_decode(told[0]))] if told else []


def _event(source: str, row: _Row) -> EventEnvelope:
    sequence, id_, type_, schema_version, subject, time, actor, traceparent, data = row
    return EventEnvelope(
        id=id_,
        source=source,
        type=type_,
        subject=subject,
        time=rfc3339(time),
        sequence=sequence,
        actor=actor,
        data=data,
        dataschema=schema_of(type_, schema_version),
        traceparent=traceparent,
    )

"""Transactional outbox: events are recorded in their transaction and relayed later.

`event_numbering` assigns their sequence numbers. A row is retained until the bus has acknowledged it, and for
`RETENTION_MS`. The offsets that consumers reported are stored with it, independent of their databases.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import MetaData, bindparam, delete, func, select, update

from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.events import EventEnvelope, schema_of, source_of
from envmgr.server.kit.db.constructs import json_rows_of, json_text, rows_of, upsert, values_of
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.bus import ALL_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.kit.db.sql import Database, Leadership, Reader, Transaction

RETENTION_MS = 7 * 24 * 3600 * 1000
"""Retention of acknowledged rows in milliseconds."""
MAX_BATCH_CHARS = 2**25
"""Limit of the characters of one batch, as the length of a text is limited."""

_PLAIN = ("sequence", "id", "type", "schema_version", "subject", "time", "actor", "traceparent")
_TABLES = Tables(MetaData())
_OUTBOX, _HEAD = _TABLES.outbox, _TABLES.outbox_head
_ACKNOWLEDGED_SEQUENCE = Statement(select(_HEAD.c.acknowledged_sequence))
_NEXT = (
    select(_OUTBOX.c.sequence, func.length(_OUTBOX.c.data).label("size"))
    .where(_OUTBOX.c.sequence > bindparam("after"))
    .order_by(_OUTBOX.c.sequence)
    .limit(bindparam("limit"))
    .subquery()
)
_WITH_SIZE = select(
    _NEXT.c.sequence,
    (func.sum(_NEXT.c.size).over(order_by=_NEXT.c.sequence) - _NEXT.c.size).label("before"),
).subquery()
_LAST = select(func.max(_WITH_SIZE.c.sequence)).where(_WITH_SIZE.c.before < MAX_BATCH_CHARS).scalar_subquery()
_AFTER = Statement(
    # All events as one row: the GIL is released after each row.
    select(json_rows_of(*(_OUTBOX.c[name] for name in _PLAIN), json_text(_OUTBOX.c.data))).where(
        _OUTBOX.c.sequence > bindparam("after"), _OUTBOX.c.sequence <= _LAST
    )
)
_NUMBERED_SEQUENCE = Statement(select(_HEAD.c.sequence))
_BACKLOG = Statement(select(_HEAD.c.sequence - _HEAD.c.acknowledged_sequence))
_OLDEST_PENDING = Statement(
    select(func.min(_OUTBOX.c.time)).where(
        _OUTBOX.c.sequence > select(_HEAD.c.acknowledged_sequence).scalar_subquery()
    )
)
_ACKNOWLEDGE = Statement(
    update(_HEAD)
    .values(acknowledged_sequence=bindparam("up_to"))
    .where(_HEAD.c.acknowledged_sequence < bindparam("up_to"))
)
_CONSUMER = _TABLES.outbox_consumer
_RECORD_CONSUMED = Statement(
    upsert(
        _CONSUMER,
        rows_of(_CONSUMER, "consumer", "sequence"),
        key=["consumer"],
        update=lambda new: {"sequence": new.sequence},
        where=lambda new: _CONSUMER.c.sequence < new.sequence,
    )
)
_CONSUMED = Statement(select(_CONSUMER.c.sequence).where(_CONSUMER.c.consumer == bindparam("consumer")))
_ALL_CONSUMED = Statement(select(_CONSUMER.c.consumer, _CONSUMER.c.sequence))
_COUNT_BETWEEN = Statement(
    select(func.count())
    .select_from(_OUTBOX)
    .where(
        _OUTBOX.c.sequence > bindparam("after"),
        _OUTBOX.c.sequence <= bindparam("up_to"),
        _OUTBOX.c.type.in_(values_of("types", _OUTBOX.c.type)),
    )
)
_FIRST_AFTER = Statement(
    select(func.min(_OUTBOX.c.sequence)).where(
        _OUTBOX.c.sequence > bindparam("after"), _OUTBOX.c.type.in_(values_of("types", _OUTBOX.c.type))
    )
)
_FIRST_AFTER_OF_ANY_TYPE = Statement(
    select(func.min(_OUTBOX.c.sequence)).where(_OUTBOX.c.sequence > bindparam("after"))
)
_ID = Statement(select(_OUTBOX.c.id).where(_OUTBOX.c.sequence == bindparam("sequence")))
_REWIND = Statement(
    update(_HEAD)
    .values(acknowledged_sequence=bindparam("up_to"))
    .where(_HEAD.c.acknowledged_sequence > bindparam("up_to"))
)
_PURGE_EXPIRED = Statement(
    delete(_OUTBOX).where(
        _OUTBOX.c.sequence <= select(_HEAD.c.acknowledged_sequence).scalar_subquery(),
        _OUTBOX.c.time < bindparam("before"),
    )
)
_NO_OFFSETS: Mapping[str, int] = MappingProxyType({})
_Row = tuple[int, str, str, int, str, int, str, str, dict[str, object]]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[_Row]).decode


class Outbox:
    """A service's outbox, as its relay sees it."""

    def __init__(self, database: Database, service: str) -> None:
        self._database = database
        self.service = service

    async def pending(self, limit: int) -> Sequence[EventEnvelope]:
        """Return the oldest events that the bus has not acknowledged, in order; fewer than `limit` if large."""
        await self._database.number_events()
        return await self._database.read(lambda reader: _pending(reader, source_of(self.service), limit))

    async def events_after(self, sequence: int, limit: int) -> Sequence[EventEnvelope]:
        """Return the oldest retained events after a sequence, in order; fewer than `limit` if large."""
        return await self._database.read(
            lambda reader: events_after(reader, source_of(self.service), sequence, limit)
        )

    async def acknowledge(self, up_to: int, consumed: Mapping[str, int] = _NO_OFFSETS) -> None:
        """Record that the bus has all events up to a sequence, and the offsets that consumers reported."""

        def acknowledge(transaction: Transaction) -> None:
            transaction.execute(_ACKNOWLEDGE, up_to=up_to)
            _record_consumed(transaction, consumed)

        await self._database.write(acknowledge)

    async def record_consumed(self, consumed: Mapping[str, int]) -> None:
        """Record the offsets that consumers reported."""
        await self._database.write(lambda transaction: _record_consumed(transaction, consumed))

    async def consumed_sequence(self, consumer: str) -> int:
        """Return the highest offset that a consumer ever reported."""
        row = await self._database.read_inline(lambda reader: reader.one(_CONSUMED, consumer=consumer))
        return int(row[0]) if row else 0

    async def consumed_sequences(self) -> Mapping[str, int]:
        """Return by consumer the highest offset that it ever reported."""
        rows = await self._database.read_inline(lambda reader: reader.all(_ALL_CONSUMED))
        return {str(consumer): int(sequence) for consumer, sequence in rows}

    async def latest_sequence(self) -> int:
        """Return the sequence of the newest event."""
        return await latest_sequence(self._database)

    def leadership(self) -> Leadership:
        """Return the role of the process that relays this outbox."""
        return self._database.leadership()

    async def count_between(self, after: int, up_to: int, types: frozenset[str]) -> int:
        """Count the events of some types after a sequence, up to another one."""
        names = _encode(sorted(types)).decode()
        row = await self._database.read(
            lambda reader: reader.one(_COUNT_BETWEEN, after=after, up_to=up_to, types=names)
        )
        return int(row[0]) if row else 0

    async def first_after(self, sequence: int, types: frozenset[str]) -> int | None:
        """Return the sequence of the first event of some types after a sequence, or None."""
        if ALL_TYPES in types:
            row = await self._database.read(
                lambda reader: reader.one(_FIRST_AFTER_OF_ANY_TYPE, after=sequence)
            )
        else:
            names = _encode(sorted(types)).decode()
            row = await self._database.read(
                lambda reader: reader.one(_FIRST_AFTER, after=sequence, types=names)
            )
        return int(row[0]) if row and row[0] is not None else None

    async def event_id(self, sequence: int) -> str | None:
        """Return the id of an event; None if its row has been deleted, or never existed."""
        row = await self._database.read(lambda reader: reader.one(_ID, sequence=sequence))
        return str(row[0]) if row else None

    async def rewind(self, up_to: int) -> None:
        """Record that the bus has lost all events after a sequence: they are pending again."""
        await self._database.write(lambda transaction: transaction.execute(_REWIND, up_to=up_to))

    async def acknowledged_sequence(self) -> int:
        """Return the sequence up to which the bus has all events."""
        row = await self._database.read_inline(lambda reader: reader.one(_ACKNOWLEDGED_SEQUENCE))
        return int(row[0]) if row else 0

    async def backlog(self) -> int:
        """Count the events that the bus has not acknowledged."""
        await self._database.number_events()
        row = await self._database.read(lambda reader: reader.one(_BACKLOG))
        return int(row[0]) if row else 0

    async def oldest_pending_time(self) -> int | None:
        """Return when the oldest event that the bus has not acknowledged was emitted, in milliseconds."""
        row = await self._database.read(lambda reader: reader.one(_OLDEST_PENDING))
        return int(row[0]) if row and row[0] is not None else None


def purge_expired(transaction: Transaction) -> int:
    """Delete acknowledged rows after their retention."""
    return transaction.execute(_PURGE_EXPIRED, before=transaction.now - RETENTION_MS)


async def latest_sequence(database: Database) -> int:
    """Return the sequence of the newest event of a service."""
    await database.number_events()
    return await database.read_inline(numbered_sequence)


def numbered_sequence(reader: Reader) -> int:
    """Return the sequence up to which all events are committed and numbered."""
    row = reader.one(_NUMBERED_SEQUENCE)
    return int(row[0]) if row else 0


def _record_consumed(transaction: Transaction, consumed: Mapping[str, int]) -> None:
    if consumed:
        transaction.execute_many(_RECORD_CONSUMED, list(consumed.items()))


def _pending(reader: Reader, source: str, limit: int) -> Sequence[EventEnvelope]:
    acknowledged = reader.one(_ACKNOWLEDGED_SEQUENCE)
    return events_after(reader, source, acknowledged[0] if acknowledged else 0, limit)


def events_after(reader: Reader, source: str, sequence: int, limit: int) -> Sequence[EventEnvelope]:
    """Return the oldest retained events after a sequence, in order; fewer than `limit` if large."""
    row = reader.one(_AFTER, after=sequence, limit=limit)
    # An aggregate's order is not guaranteed.
    return [_event(source, item) for item in sorted(_decode(row[0]))] if row else []


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

"""The inbox: a consumer acts on an event once, however often it is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import MetaData, bindparam, cast, delete, func, insert, select

from envmgr.server.kit.db.constructs import bind_columns, insert_if_absent, values_of
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging import consumer_offsets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Transaction

RETENTION_MS = 30 * 24 * 3600 * 1000
"""How long an event's id is remembered: far longer than any outbox delivers it again."""

_INBOX = Tables(MetaData()).inbox
_COLUMNS = ("consumer", "event_id", "created_at")
_MARK = Statement(insert_if_absent(_INBOX, bind_columns(*_COLUMNS), key=_COLUMNS[:2]))
_PROCESSED = Statement(
    select(func.count())
    .select_from(_INBOX)
    .where(
        _INBOX.c.consumer == bindparam("consumer"), _INBOX.c.event_id.in_(values_of("ids", _INBOX.c.event_id))
    )
)
_MARK_ALL = Statement(
    insert(_INBOX).from_select(
        ["event_id", "consumer", "created_at"],
        values_of("ids", _INBOX.c.event_id).add_columns(
            cast(bindparam("consumer"), _INBOX.c.consumer.type),
            cast(bindparam("created_at"), _INBOX.c.created_at.type),
        ),
    )
)
_PURGE_EXPIRED = Statement(delete(_INBOX).where(_INBOX.c.created_at < bindparam("before")))


def mark_processed(transaction: Transaction, consumer: str, event: EventEnvelope) -> bool:
    """Return whether this consumer has never had this event; from now on, it has."""
    return transaction.execute(_MARK, consumer=consumer, event_id=event.id, created_at=transaction.now) == 1


def filter_unprocessed(
    transaction: Transaction, consumer: str, events: Sequence[EventEnvelope]
) -> Sequence[EventEnvelope]:
    """Return the events that this consumer has never had; from now on, it has them all.

    Two statements for a batch of new events, which nearly all are: a statement per event would cost more.
    """
    consumer_offsets.record(transaction, consumer, events)
    ids = {event.id for event in events}
    encoded = msgspec.json.encode(list(ids)).decode()
    processed = transaction.one(_PROCESSED, consumer=consumer, ids=encoded)
    if len(ids) == len(events) and processed == (0,):
        transaction.execute(_MARK_ALL, consumer=consumer, ids=encoded, created_at=transaction.now)
        return events
    return [event for event in events if mark_processed(transaction, consumer, event)]


def purge_expired(transaction: Transaction) -> int:
    """Drop ids from long ago."""
    return transaction.execute(_PURGE_EXPIRED, before=transaction.now - RETENTION_MS)

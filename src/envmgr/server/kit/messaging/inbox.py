"""The inbox: a consumer acts on an event once, however often it is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import MetaData, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Transaction

RETENTION_MS = 30 * 24 * 3600 * 1000
"""How long an event's id is remembered: far longer than any outbox delivers it again."""

_INBOX = Tables(MetaData()).inbox
_MARK = Statement(
    insert(_INBOX)
    .values(consumer=bindparam("consumer"), event_id=bindparam("event_id"), at=bindparam("at"))
    .on_conflict_do_nothing()
)
_IDS = func.json_each(bindparam("ids")).table_valued("value")
_PROCESSED = Statement(
    select(func.count())
    .select_from(_INBOX)
    .where(_INBOX.c.consumer == bindparam("consumer"), _INBOX.c.event_id.in_(select(_IDS.c.value)))
)
_MARK_ALL = Statement(
    insert(_INBOX).from_select(
        ["consumer", "event_id", "at"], select(bindparam("consumer"), _IDS.c.value, bindparam("at"))
    )
)
_PURGE_EXPIRED = Statement(delete(_INBOX).where(_INBOX.c.at < bindparam("before")))


def mark_processed(transaction: Transaction, consumer: str, event: EventEnvelope) -> bool:
    """Say whether this consumer has never had this event; from now on, it has."""
    return transaction.execute(_MARK, consumer=consumer, event_id=event.id, at=transaction.now) == 1


def filter_unprocessed(
    transaction: Transaction, consumer: str, events: Sequence[EventEnvelope]
) -> Sequence[EventEnvelope]:
    """Return the events that this consumer has never had; from now on, it has them all.

    Two statements for a batch of new events, which nearly all are: each one costs the threads a turn.
    """
    ids = {event.id for event in events}
    spelled = msgspec.json.encode(list(ids)).decode()
    known = transaction.one(_PROCESSED, consumer=consumer, ids=spelled)
    if len(ids) == len(events) and known == (0,):
        transaction.execute(_MARK_ALL, consumer=consumer, ids=spelled, at=transaction.now)
        return events
    return [event for event in events if mark_processed(transaction, consumer, event)]


def purge_expired(transaction: Transaction) -> int:
    """Drop ids from long ago."""
    return transaction.execute(_PURGE_EXPIRED, before=transaction.now - RETENTION_MS)

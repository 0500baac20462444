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

    from envmgr.server.kit.common.events import Event
    from envmgr.server.kit.db.sql import Transaction

KEPT_MS = 30 * 24 * 3600 * 1000
"""How long an event's id is remembered: far longer than any outbox delivers it again."""

_INBOX = Tables(MetaData()).inbox
_TAKE = Statement(
    insert(_INBOX)
    .values(consumer=bindparam("consumer"), event_id=bindparam("event_id"), at=bindparam("at"))
    .on_conflict_do_nothing()
)
_IDS = func.json_each(bindparam("ids")).table_valued("value")
_KNOWN = Statement(
    select(func.count())
    .select_from(_INBOX)
    .where(_INBOX.c.consumer == bindparam("consumer"), _INBOX.c.event_id.in_(select(_IDS.c.value)))
)
_TAKE_ALL = Statement(
    insert(_INBOX).from_select(
        ["consumer", "event_id", "at"], select(bindparam("consumer"), _IDS.c.value, bindparam("at"))
    )
)
_FORGET = Statement(delete(_INBOX).where(_INBOX.c.at < bindparam("before")))


def first_time(transaction: Transaction, consumer: str, event: Event) -> bool:
    """Say whether this consumer has never had this event; from now on, it has."""
    return transaction.run(_TAKE, consumer=consumer, event_id=event.id, at=transaction.now) == 1


def fresh(transaction: Transaction, consumer: str, events: Sequence[Event]) -> Sequence[Event]:
    """Return the events that this consumer has never had; from now on, it has them all.

    Two statements for a batch of new events, which nearly all are: each one costs the threads a turn.
    """
    ids = {event.id for event in events}
    spelled = msgspec.json.encode(list(ids)).decode()
    known = transaction.one(_KNOWN, consumer=consumer, ids=spelled)
    if len(ids) == len(events) and known == (0,):
        transaction.run(_TAKE_ALL, consumer=consumer, ids=spelled, at=transaction.now)
        return events
    return [event for event in events if first_time(transaction, consumer, event)]


def forget(transaction: Transaction) -> int:
    """Drop ids from long ago."""
    return transaction.run(_FORGET, before=transaction.now - KEPT_MS)

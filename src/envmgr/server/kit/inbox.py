"""The inbox: a consumer acts on an event once, however often it is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import MetaData, bindparam, delete
from sqlalchemy.dialects.sqlite import insert

from envmgr.server.kit.sql import Statement
from envmgr.server.kit.tables import Tables

if TYPE_CHECKING:
    from envmgr.server.kit.event import Event
    from envmgr.server.kit.sql import Transaction

KEPT_MS = 30 * 24 * 3600 * 1000
"""How long an event's id is remembered: far longer than any outbox delivers it again."""

_INBOX = Tables(MetaData()).inbox
_TAKE = Statement(
    insert(_INBOX)
    .values(consumer=bindparam("consumer"), event_id=bindparam("event_id"), at=bindparam("at"))
    .on_conflict_do_nothing()
)
_FORGET = Statement(delete(_INBOX).where(_INBOX.c.at < bindparam("before")))


def first_time(transaction: Transaction, consumer: str, event: Event) -> bool:
    """Say whether this consumer has never had this event; from now on, it has."""
    return transaction.run(_TAKE, consumer=consumer, event_id=event.id, at=transaction.now) == 1


def forget(transaction: Transaction) -> int:
    """Drop ids from long ago."""
    return transaction.run(_FORGET, before=transaction.now - KEPT_MS)

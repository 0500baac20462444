"""The inbox: a consumer acts on an event once, however often it is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import MetaData, bindparam, cast, delete, true

from envmgr.server.kit.db.constructs import Rows, insert_if_absent, values_of
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
_MARK = Statement(
    insert_if_absent(
        _INBOX,
        Rows(
            ["event_id", "consumer", "created_at"],
            values_of("ids", _INBOX.c.event_id)
            .add_columns(
                cast(bindparam("consumer"), _INBOX.c.consumer.type),
                cast(bindparam("created_at"), _INBOX.c.created_at.type),
            )
            .where(true()),
        ),
        key=["consumer", "event_id"],
    ).returning(_INBOX.c.event_id)
)
_PURGE_EXPIRED = Statement(delete(_INBOX).where(_INBOX.c.created_at < bindparam("before")))
_encode = msgspec.json.Encoder().encode


def filter_unprocessed(
    transaction: Transaction, consumer: str, events: Sequence[EventEnvelope]
) -> Sequence[EventEnvelope]:
    """Return the events that this consumer has never had; from now on, it has them all."""
    consumer_offsets.record(transaction, consumer, events)
    ids = list(dict.fromkeys(event.id for event in events))
    # Not a query for those it had, for which a server may read all of the table.
    rows = transaction.all(_MARK, ids=_encode(ids).decode(), consumer=consumer, created_at=transaction.now)
    first_of_id = {event.id: index for index, event in reversed(list(enumerate(events)))}
    return [events[index] for index in sorted(first_of_id[row[0]] for row in rows)]


def purge_expired(transaction: Transaction) -> int:
    """Drop ids from long ago."""
    return transaction.execute(_PURGE_EXPIRED, before=transaction.now - RETENTION_MS)

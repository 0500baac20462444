"""Sequence numbers of events: gapless, in the order of commits of each resource.

With a single writer, an event gets its number in its transaction (`append`). Where writers run side by side, a
counter would make each wait for the commit of the one before: an event is recorded without a number
(`append_unnumbered`) and gets it soon after its commit (`number_events`), whichever process relays it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import MetaData, bindparam, delete, func, insert, select, update

from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.db.constructs import insert_rows, rows_of
from envmgr.server.kit.db.shared_tables import Tables, unnumbered_outbox
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.sql import Transaction

MAX_BATCH_EVENTS = 500
"""Events that are numbered in one transaction."""

_COLUMNS = ("id", "type", "schema_version", "subject", "time", "actor", "traceparent", "data")
_TABLES = Tables(MetaData())
_OUTBOX, _HEAD = _TABLES.outbox, _TABLES.outbox_head
_UNNUMBERED = unnumbered_outbox(MetaData())
_encode = msgspec.json.Encoder().encode

_RESERVE = Statement(
    update(_HEAD).values(sequence=_HEAD.c.sequence + bindparam("event_count")).returning(_HEAD.c.sequence)
)
_ADD = Statement(insert_rows(_OUTBOX, rows_of(_OUTBOX, "sequence", *_COLUMNS)))
_ADD_UNNUMBERED = Statement(insert_rows(_UNNUMBERED, rows_of(_UNNUMBERED, *_COLUMNS)))
_LOCK_HEAD = Statement(select(_HEAD.c.sequence).with_for_update())
_OLDEST = select(_UNNUMBERED.c.position).order_by(_UNNUMBERED.c.position).limit(MAX_BATCH_EVENTS)
# Never the rows after the last numbered one: a position is assigned before its commit, so a lower one may follow.
_TAKEN = delete(_UNNUMBERED).where(_UNNUMBERED.c.position.in_(_OLDEST)).returning(*_UNNUMBERED.c).cte("taken")
_COUNT = select(func.count()).select_from(_TAKEN).scalar_subquery()
_NEW_HEAD = (
    update(_HEAD).values(sequence=_HEAD.c.sequence + _COUNT).returning(_HEAD.c.sequence).cte("new_head")
)
_NUMBER = Statement(
    insert(_OUTBOX).from_select(
        ["sequence", *_COLUMNS],
        select(
            _NEW_HEAD.c.sequence - _COUNT + func.row_number().over(order_by=_TAKEN.c.position),
            *(_TAKEN.c[name] for name in _COLUMNS),
        ).select_from(_TAKEN.join(_NEW_HEAD, _NEW_HEAD.c.sequence >= 0)),
    )
)
_HAS_UNNUMBERED = Statement(select(_UNNUMBERED.c.position).limit(1))


def append(transaction: Transaction, events: Sequence[DomainEvent]) -> None:
    """Record and number the events of a group of units; for databases with a single writer."""
    if not events:
        return
    row = transaction.one(_RESERVE, event_count=len(events))
    first = row[0] - len(events) + 1 if row else 1
    rows = [(number, *_row(transaction, event)) for number, event in enumerate(events, first)]
    transaction.execute_many(_ADD, rows)


def append_unnumbered(transaction: Transaction, events: Sequence[DomainEvent]) -> None:
    """Record the events of a unit after its changes, whose locks order the events of a resource."""
    if events:
        transaction.execute_many(_ADD_UNNUMBERED, [_row(transaction, event) for event in events])


def number_events(transaction: Transaction) -> bool:
    """Assign numbers to a batch of committed events; return whether there may be more.

    Each statement sees what was committed before it; the head's row admits one process at a time.
    """
    if transaction.one(_HAS_UNNUMBERED) is None:
        return False
    transaction.one(_LOCK_HEAD)
    return transaction.execute(_NUMBER) == MAX_BATCH_EVENTS


def _row(transaction: Transaction, event: DomainEvent) -> tuple[object, ...]:
    return (
        uuid7(),
        event.data.TYPE,
        event.data.VERSION,
        event.subject,
        transaction.now,
        event.actor,
        event.traceparent,
        _encode(event.data).decode(),
    )

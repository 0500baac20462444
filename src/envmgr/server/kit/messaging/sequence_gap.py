"""Sequence of a service whose database was restored: it goes on after the events that others received.

Numbers that others have received are not given out again: a consumer would take a new event for one that it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import MetaData, bindparam, delete, update

from envmgr.server.kit.db.constructs import values_of
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.outbox import numbered_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.db.sql import Transaction

_TABLES = Tables(MetaData())
_OUTBOX, _HEAD = _TABLES.outbox, _TABLES.outbox_head
_MOVE = Statement(
    update(_HEAD).values(sequence=bindparam("new_sequence"), acknowledged_sequence=bindparam("acknowledged"))
)
_DROP = Statement(delete(_OUTBOX).where(_OUTBOX.c.id.in_(values_of("ids", _OUTBOX.c.id))))
_RENUMBER = Statement(
    update(_OUTBOX).where(_OUTBOX.c.id == bindparam("event_id")).values(sequence=bindparam("new_sequence"))
)


def skip_to(
    transaction: Transaction, received: int, *, repeated: Sequence[str], renumbered: Sequence[str]
) -> tuple[int, int]:
    """Move the sequence to `received`, which others have; return the first and last lost number.

    All events up to there count as acknowledged. Of those that got a number that others know as another event's,
    `repeated` are deleted, as others have them under another number, and `renumbered` follow the gap, in order.
    """
    latest = numbered_sequence(transaction)
    last = max(received, latest)
    transaction.execute(_DROP, ids=msgspec.json.encode(repeated).decode())
    for number, event_id in enumerate(renumbered, last + 1):
        transaction.execute(_RENUMBER, event_id=event_id, new_sequence=number)
    transaction.execute(_MOVE, new_sequence=last + len(renumbered), acknowledged=last)
    return latest - len(repeated) - len(renumbered) + 1, last

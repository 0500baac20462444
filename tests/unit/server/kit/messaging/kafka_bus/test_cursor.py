"""Detection of a log that does not continue where it was read last."""

from __future__ import annotations

import pytest

from envmgr.server.kit.messaging.kafka_bus.cursor import Cursor, LogReplaced
from envmgr.server.kit.messaging.kafka_bus.guard import require_ends
from support.services.event_recorders import envelope


def read(cursor, *records):
    """Move through records of (offset, sequence)."""
    for offset, sequence in records:
        cursor.advance(offset)
        cursor.accept(envelope(sequence))


@pytest.mark.parametrize(
    "records",
    [
        [(0, 1), (1, 2)],
        [(5, 40), (6, 41)],  # what was before has expired
        [(0, 1), (3, 2)],  # offsets between them are those of messages that are no events
        [(0, 1), (1, 2), (2, 1), (3, 2), (4, 3)],  # published again
    ],
)
def test_a_log_that_continues_is_accepted(records):
    cursor = Cursor("alm.app")
    read(cursor, *records)
    assert cursor.next_offset == records[-1][0] + 1


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([(5, 6), (0, 6)], "alm.app: offset 0 follows offset 5"),
        ([(5, 6), (5, 6)], "alm.app: offset 5 follows offset 5"),
        ([(5, 6), (6, 8)], "alm.app: event 8 follows event 6"),
    ],
)
def test_a_log_that_lost_records_is_detected(records, message):
    with pytest.raises(LogReplaced, match=f"^{message}$"):
        read(Cursor("alm.app"), *records)


def test_a_log_may_lack_events_before_its_first_end_but_not_after():
    cursor = Cursor("alm.app", end=3)
    read(cursor, (0, 1), (2, 15))
    with pytest.raises(LogReplaced, match=r"^alm\.app: event 17 follows event 15$"):
        read(cursor, (3, 17))


def test_a_log_that_ends_before_known_records_is_detected():
    require_ends({"alm.app": 3, "alm.version": 0}, {"alm.app": 3, "alm.version": 2})
    with pytest.raises(LogReplaced, match=r"^alm\.app: ends at offset 2, ended at 3$"):
        require_ends({"alm.app": 3}, {"alm.app": 2})

"""The tables that every service's database has beside its own: outbox, inbox, dead letters, idempotency keys."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, Text


class Tables:
    """These tables, in one service's metadata."""

    def __init__(self, metadata: MetaData) -> None:
        self.outbox = Table(
            "outbox",
            metadata,
            Column("sequence", Integer, primary_key=True, autoincrement=False),
            Column("id", Text, nullable=False),
            Column("type", Text, nullable=False),
            Column("subject", Text, nullable=False),
            Column("time", Integer, nullable=False),
            Column("actor", Text, nullable=False),
            Column("traceparent", Text, nullable=False),
            Column("data", Text, nullable=False),
        )
        self.outbox_head = Table(
            "outbox_head",
            metadata,
            Column("one", Integer, primary_key=True, autoincrement=False),
            Column("sequence", Integer, nullable=False),
            Column("sent", Integer, nullable=False),
            CheckConstraint("one = 1", name="one_row"),
        )
        self.inbox = Table(
            "inbox",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("event_id", Text, primary_key=True),
            Column("at", Integer, nullable=False),
            sqlite_with_rowid=False,
        )
        self.dead_letter = Table(
            "dead_letter",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("consumer", Text, nullable=False),
            Column("event_id", Text, nullable=False),
            Column("event", Text, nullable=False),
            Column("error", Text, nullable=False),
            Column("tries", Integer, nullable=False),
            Column("at", Integer, nullable=False),
            Index("dead_letter_event", "consumer", "event_id", unique=True),
            sqlite_autoincrement=True,
        )
        self.idempotency = Table(
            "idempotency",
            metadata,
            Column("actor", Text, primary_key=True),
            Column("key", Text, primary_key=True),
            Column("fingerprint", Text, nullable=False),
            Column("answer", Text, nullable=False),
            Column("at", Integer, nullable=False),
            Index("idempotency_at", "at"),
            sqlite_with_rowid=False,
        )

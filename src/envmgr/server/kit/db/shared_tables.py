"""Tables that all services' databases share: outbox, inbox, dead letters, idempotency keys, jobs."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Identity, Index, Integer, MetaData, Table

from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, SHORT_LIVED_ROWS, Id, Text, Timestamp


class Tables:
    """The shared tables in one service's metadata."""

    def __init__(self, metadata: MetaData) -> None:
        self.outbox = Table(
            "outbox",
            metadata,
            Column("sequence", Id, primary_key=True, autoincrement=False),
            Column("id", Text, nullable=False),
            Column("type", Text, nullable=False),
            Column("schema_version", Integer, nullable=False),
            Column("subject", Text, nullable=False),
            Column("time", Timestamp, nullable=False),
            Column("actor", Text, nullable=False),
            Column("traceparent", Text, nullable=False),
            Column("data", Text, nullable=False),
        )
        self.outbox_head = Table(
            "outbox_head",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("sequence", Id, nullable=False),
            Column("acknowledged_sequence", Id, nullable=False),
            CheckConstraint("id = 1", name="outbox_head_single_row"),
        )
        self.outbox_consumer = Table(
            "outbox_consumer",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("sequence", Id, nullable=False),
            **CLUSTERED,
        )
        self.consumer_offset = Table(
            "consumer_offset",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("service", Text, primary_key=True),
            Column("sequence", Id, nullable=False),
            **CLUSTERED,
        )
        self.inbox = Table(
            "inbox",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("event_id", Text, primary_key=True),
            Column("created_at", Timestamp, nullable=False),
            **CLUSTERED,
        )
        self.dead_letter = Table(
            "dead_letter",
            metadata,
            Column("id", Id, primary_key=True),
            Column("consumer", Text, nullable=False),
            Column("event_id", Text, nullable=False),
            Column("event", Text, nullable=False),
            Column("error", Text, nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("created_at", Timestamp, nullable=False),
            Index("dead_letter_event", "consumer", "event_id", unique=True),
            **IDS_NEVER_REUSED,
        )
        self.idempotency = Table(
            "idempotency",
            metadata,
            Column("actor", Text, primary_key=True),
            Column("key", Text, primary_key=True),
            Column("fingerprint", Text, nullable=False),
            Column("response", Text, nullable=False),
            Column("created_at", Timestamp, nullable=False),
            Index("idempotency_created_at", "created_at"),
            **CLUSTERED,
        )
        self.job = Table(
            "job",
            metadata,
            Column("id", Id, primary_key=True),
            Column("kind", Text, nullable=False),
            Column("key", Text, nullable=False),
            Column("active_key", Text),
            Column("payload", Text, nullable=False),
            Column("state", Text, nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("run_at", Timestamp, nullable=False),
            Column("lease", Text, nullable=False),
            Column("leased_until", Timestamp, nullable=False),
            Column("error", Text, nullable=False),
            Column("created_at", Timestamp, nullable=False),
            Column("updated_at", Timestamp, nullable=False),
            # the key of a job that has yet to finish; NULLs are distinct
            Index("job_active_key", "kind", "active_key", unique=True),
            Index("job_state", "state", "run_at"),
            **IDS_NEVER_REUSED,
        )


def unnumbered_outbox(metadata: MetaData) -> Table:
    """Return the table of events without a number; it exists where writers run side by side."""
    return Table(
        "outbox_unnumbered",
        metadata,
        Column("position", Id, Identity(always=True), primary_key=True),
        Column("id", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("schema_version", Integer, nullable=False),
        Column("subject", Text, nullable=False),
        Column("time", Timestamp, nullable=False),
        Column("actor", Text, nullable=False),
        Column("traceparent", Text, nullable=False),
        Column("data", Text, nullable=False),
        **SHORT_LIVED_ROWS,
    )

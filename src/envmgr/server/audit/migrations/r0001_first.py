"""The log and its checkpoints, which only grow, and the tables that every service has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, and the triggers that let them only grow."""
    create_shared_tables(op)
    _create_tables()
    # What tells this log from any other; it stands in every checkpoint.
    op.execute("INSERT INTO log (one, origin) VALUES (1, 'alm-' || lower(hex(randomblob(8))))")
    for statement in (*_ONLY_GROW, _FOLLOWS, _IS_SIGNED_LATER):
        op.execute(statement)


def _create_tables() -> None:
    op.create_table(
        "log", sa.Column("one", sa.Integer, primary_key=True), sa.Column("origin", sa.Text, nullable=False)
    )
    op.create_table(
        "entry",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("source_service", sa.Text, nullable=False),
        sa.Column("source_sequence", sa.Integer, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("timestamp", sa.Integer, nullable=False),
        sa.Column("prev_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_index("entry_id", "entry", ["id"], unique=True)
    op.create_index("entry_source", "entry", ["source_service", "source_sequence"], unique=True)
    op.create_index("entry_service", "entry", ["source_service", "seq"])
    op.create_index("entry_type", "entry", ["event_type", "seq"])
    op.create_index("entry_actor", "entry", ["actor", "seq"])
    op.create_index("entry_resource", "entry", ["resource", "seq"])
    op.create_index("entry_service_time", "entry", ["source_service", "timestamp", "seq"])
    op.create_index("entry_type_time", "entry", ["event_type", "timestamp", "seq"])
    op.create_index("entry_actor_time", "entry", ["actor", "timestamp", "seq"])
    op.create_index("entry_timestamp", "entry", ["timestamp", "seq"])
    op.create_table(
        "source",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("taken", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoint",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("timestamp", sa.Integer, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
    )


_ONLY_GROW = tuple(
    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}"
    f" BEGIN SELECT RAISE(ABORT, 'the audit only grows: no {act.lower()} of {table}'); END"
    for table in ("log", "entry", "checkpoint")
    for act in ("UPDATE", "DELETE")
)
# INSERT OR REPLACE removes rows without asking the triggers above: whatever it could replace is refused here.
_FOLLOWS = """
    CREATE TRIGGER entry_follows BEFORE INSERT ON entry
    WHEN NEW.seq != (SELECT coalesce(max(seq), 0) + 1 FROM entry)
        OR NEW.prev_hash != coalesce((SELECT hash FROM entry WHERE seq = NEW.seq - 1), printf('%064d', 0))
        OR EXISTS (SELECT 1 FROM entry WHERE id = NEW.id)
        OR EXISTS (
            SELECT 1 FROM entry
            WHERE source_service = NEW.source_service AND source_sequence = NEW.source_sequence)
    BEGIN SELECT RAISE(ABORT, 'the audit only grows: this entry does not follow the last one'); END"""
_IS_SIGNED_LATER = """
    CREATE TRIGGER checkpoint_follows BEFORE INSERT ON checkpoint
    WHEN NEW.id != (SELECT coalesce(max(id), 0) + 1 FROM checkpoint)
    BEGIN SELECT RAISE(ABORT, 'the audit only grows: this checkpoint does not follow the last one'); END"""

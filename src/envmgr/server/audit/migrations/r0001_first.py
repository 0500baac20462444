"""The append-only log with its checkpoints, and the tables that every service has."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables, execute_for_dialect
from envmgr.server.kit.db.schema import CLUSTERED, Id, Text, Timestamp

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables, and the triggers that make them append-only."""
    create_shared_tables(op)
    _create_log()
    _create_entry()
    _create_checkpoint()
    execute_for_dialect(op, _APPEND_ONLY)


def _create_log() -> None:
    log = op.create_table(
        "log",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("origin", Text, nullable=False),
    )
    # Every checkpoint states the origin, which no other log has.
    op.bulk_insert(log, [{"id": 1, "origin": f"alm-{secrets.token_hex(8)}"}])
    op.create_table(
        "source",
        sa.Column("name", Text, primary_key=True),
        sa.Column("last", Id, nullable=False),
        sa.Column("recorded", Id, nullable=False),
        **CLUSTERED,
    )


def _create_entry() -> None:
    op.create_table(
        "entry",
        sa.Column("seq", Id, primary_key=True, autoincrement=False),
        sa.Column("id", Text, nullable=False),
        sa.Column("source_service", Text, nullable=False),
        sa.Column("source_sequence", Id, nullable=False),
        sa.Column("event_type", Text, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("resource", Text, nullable=False),
        sa.Column("payload", Text, nullable=False),
        sa.Column("timestamp", Timestamp, nullable=False),
        sa.Column("prev_hash", Text, nullable=False),
        sa.Column("hash", Text, nullable=False),
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


def _create_checkpoint() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("origin", Text, nullable=False),
        sa.Column("seq", Id, nullable=False),
        sa.Column("hash", Text, nullable=False),
        sa.Column("timestamp", Timestamp, nullable=False),
        sa.Column("previous", Text, nullable=False),
        sa.Column("public_key", Text, nullable=False),
        sa.Column("signature", Text, nullable=False),
    )


_TABLES = ("log", "entry", "checkpoint")
_SQLITE = (
    *(
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, 'audit log is append-only: {act.lower()} on {table} refused'); END"
        for table in _TABLES
        for act in ("UPDATE", "DELETE")
    ),
    # INSERT OR REPLACE deletes rows without firing the triggers above: rows that it could replace are refused here.
    """
    CREATE TRIGGER entry_follows BEFORE INSERT ON entry
    WHEN NEW.seq != (SELECT coalesce(max(seq), 0) + 1 FROM entry)
        OR NEW.prev_hash != coalesce((SELECT hash FROM entry WHERE seq = NEW.seq - 1), printf('%064d', 0))
        OR EXISTS (SELECT 1 FROM entry WHERE id = NEW.id)
        OR EXISTS (
            SELECT 1 FROM entry
            WHERE source_service = NEW.source_service AND source_sequence = NEW.source_sequence)
    BEGIN SELECT RAISE(ABORT, 'audit log is append-only: entry does not follow the previous one'); END""",
    """
    CREATE TRIGGER checkpoint_follows BEFORE INSERT ON checkpoint
    WHEN NEW.id != (SELECT coalesce(max(id), 0) + 1 FROM checkpoint)
    BEGIN SELECT RAISE(ABORT, 'audit log is append-only: checkpoint does not follow the previous one'); END""",
)
_POSTGRESQL = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit log is append-only: % on % refused', lower(TG_OP), TG_TABLE_NAME;
    END $$""",
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in _TABLES
    ),
    # The trigger refuses a change, and so do privileges: also those of the owner, who would have to grant them first.
    *(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM CURRENT_USER" for table in _TABLES),
    """
    CREATE FUNCTION require_following_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.seq != (SELECT coalesce(max(seq), 0) + 1 FROM entry)
            OR NEW.prev_hash != coalesce((SELECT hash FROM entry WHERE seq = NEW.seq - 1), repeat('0', 64))
        THEN
            RAISE EXCEPTION 'audit log is append-only: entry does not follow the previous one';
        END IF;
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER entry_follows BEFORE INSERT ON entry"
        " FOR EACH ROW EXECUTE FUNCTION require_following_entry()"
    ),
    """
    CREATE FUNCTION require_following_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.id != (SELECT coalesce(max(id), 0) + 1 FROM checkpoint) THEN
            RAISE EXCEPTION 'audit log is append-only: checkpoint does not follow the previous one';
        END IF;
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER checkpoint_follows BEFORE INSERT ON checkpoint"
        " FOR EACH ROW EXECUTE FUNCTION require_following_checkpoint()"
    ),
)
_APPEND_ONLY = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}

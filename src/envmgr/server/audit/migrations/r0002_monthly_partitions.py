"""Monthly partitions of the log on PostgreSQL."""

from __future__ import annotations

from alembic import op

from envmgr.server.kit.db.migrations import execute_for_dialect
from envmgr.server.kit.db.partitions import partitioning_statements

revision = "0002"
down_revision = "0001"

APPEND_LOCK = 0x616C6D05
"""The key of the advisory lock of entries: no index of the whole table makes their numbers unique."""


def upgrade() -> None:
    """Partition the table of entries by the time of their events."""
    execute_for_dialect(op, {"sqlite": (), "postgresql": _POSTGRESQL})


_POSTGRESQL = (
    "DROP TRIGGER entry_follows ON entry",
    *partitioning_statements("entry", "timestamp"),
    f"""
    CREATE OR REPLACE FUNCTION require_following_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock({APPEND_LOCK});
        IF NEW.seq != (SELECT coalesce(max(seq), 0) + 1 FROM entry)
            OR NEW.prev_hash != coalesce((SELECT hash FROM entry WHERE seq = NEW.seq - 1), repeat('0', 64))
        THEN
            RAISE EXCEPTION 'audit log is append-only: entry does not follow the previous one';
        END IF;
        RETURN NEW;
    END $$""",  # noqa: S608 - a number of the code
    (
        "CREATE TRIGGER entry_follows BEFORE INSERT ON entry"
        " FOR EACH ROW EXECUTE FUNCTION require_following_entry()"
    ),
)

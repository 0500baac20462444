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
    "DROP FUNCTION require_following_entry()",
    # Once for each statement: a query without a time looks into each partition.
    f"""
    CREATE FUNCTION require_following_entries() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        first bigint;
        last bigint;
        number bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock({APPEND_LOCK});
        SELECT min(seq), max(seq), count(*) INTO first, last, number FROM added;
        IF last != (SELECT max(seq) FROM entry)
            OR first != coalesce((SELECT max(seq) FROM entry WHERE seq < first), 0) + 1
            OR number != last - first + 1
            OR number != (SELECT count(*) FROM entry WHERE seq BETWEEN first AND last)
            OR EXISTS (
                SELECT FROM (
                    SELECT prev_hash, lag(hash, 1, coalesce(
                        (SELECT hash FROM entry WHERE seq = first - 1), repeat('0', 64))) OVER (ORDER BY seq)
                    FROM added) AS link (prev_hash, hash)
                WHERE link.prev_hash != link.hash)
        THEN
            RAISE EXCEPTION 'audit log is append-only: entry does not follow the previous one';
        END IF;
        RETURN NULL;
    END $$""",  # noqa: S608 - a number of the code
    (
        "CREATE TRIGGER entry_follows AFTER INSERT ON entry REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION require_following_entries()"
    ),
)

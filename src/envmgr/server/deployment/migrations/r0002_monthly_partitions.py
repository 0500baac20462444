"""Monthly partitions of the history of statuses on PostgreSQL."""

from __future__ import annotations

from alembic import op

from envmgr.server.kit.db.migrations import execute_for_dialect
from envmgr.server.kit.db.partitions import partitioning_statements

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Partition the history by the time of its entries."""
    execute_for_dialect(op, {"sqlite": (), "postgresql": _POSTGRESQL})


_POSTGRESQL = (
    *partitioning_statements("status_entry", "created_at"),
    # IDs are assigned by the sequence of the old table, which belongs to its column.
    "ALTER SEQUENCE status_entry_id_seq OWNED BY status_entry.id",
)

"""Jobs, counts of events, and the tables that every service has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    create_shared_tables(op)
    op.create_table(
        "job",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("next_at", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_count",
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )

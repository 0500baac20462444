"""Counts of events, and the tables that every service has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables
from envmgr.server.kit.db.schema import CLUSTERED, Id, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_shared_tables(op)
    op.create_table(
        "event_count",
        sa.Column("type", Text, primary_key=True),
        sa.Column("count", Id, nullable=False),
        **CLUSTERED,
    )

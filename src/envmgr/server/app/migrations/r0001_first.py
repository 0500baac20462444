"""Apps, and the tables that every service has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables
from envmgr.server.kit.db.schema import IDS_NEVER_REUSED, Id, Text, Timestamp

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_shared_tables(op)
    op.create_table(
        "app",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False),
        sa.Column("folded", Text, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("app_folded", "app", ["folded"], unique=True)

"""Apps, and the tables that every service has."""

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
        "app",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("app_name", "app", ["name"], unique=True)

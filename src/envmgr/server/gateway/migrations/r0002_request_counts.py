"""Requests of principals by minute, for a limit that processes share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.schema import CLUSTERED, Id, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "request_count",
        sa.Column("minute", Id, primary_key=True, autoincrement=False),
        sa.Column("principal", Text, primary_key=True),
        sa.Column("count", Id, nullable=False),
        **CLUSTERED,
    )

"""Versions, their toolchains, and the projections of apps and placements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables
from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, Id, Text, Timestamp

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_shared_tables(op)
    _create_versions()
    _create_toolchains()
    _create_projections()


def _create_versions() -> None:
    op.create_table(
        "version",
        sa.Column("id", Id, primary_key=True),
        sa.Column("app_id", Id, nullable=False),
        sa.Column("app", Text, nullable=False),
        sa.Column("tag", Text, nullable=False),
        sa.Column("changelog", Text, nullable=False),
        sa.Column("commit", Text, nullable=False),
        sa.Column("ref", Text, nullable=False),
        sa.Column("artifacts", Text, nullable=False),
        sa.Column("build", Text, nullable=False),
        sa.Column("lock_digest", Text),
        sa.Column("dotfile", Text, nullable=False),
        sa.Column("digest", Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("version_app_tag", "version", ["app_id", "tag"], unique=True)
    op.create_index("version_app_id", "version", ["app_id", "id"])
    op.create_index("version_app", "version", ["app"])
    op.create_index("version_commit", "version", ["commit"])
    op.create_index("version_lock", "version", ["lock_digest"])


def _create_toolchains() -> None:
    op.create_table(
        "toolchain",
        sa.Column("lock_digest", Text, primary_key=True),
        sa.Column("lock", Text, nullable=False),
    )
    op.create_table(
        "toolchain_tool",
        sa.Column("lock_digest", Text, primary_key=True),
        sa.Column("tool", Text, primary_key=True),
        sa.Column("version", Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("requests", Text, nullable=False),
        sa.Column("platforms", Text, nullable=False),
        **CLUSTERED,
    )


def _create_projections() -> None:
    op.create_table(
        "app_projection",
        sa.Column("app_id", Id, primary_key=True, autoincrement=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("sequence", Id, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "placement",
        sa.Column("app_id", Id, primary_key=True, autoincrement=False),
        sa.Column("environment", Text, primary_key=True),
        sa.Column("app", Text, nullable=False),
        sa.Column("version_id", Id),
        sa.Column("tag", Text, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("sequence", Id, nullable=False),
        **CLUSTERED,
    )
    op.create_index("placement_state", "placement", ["state", "environment", "app_id"])
    op.create_index("placement_app", "placement", ["app"])
    op.create_table(
        "placement_tool",
        sa.Column("tool", Text, primary_key=True),
        sa.Column("tool_version", Text, primary_key=True),
        sa.Column("environment", Text, primary_key=True),
        sa.Column("app_id", Id, primary_key=True, autoincrement=False),
        **CLUSTERED,
    )
    op.create_index("placement_tool_placement", "placement_tool", ["app_id", "environment"])

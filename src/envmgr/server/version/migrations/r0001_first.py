"""Versions, their toolchains, and what stands where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    create_shared_tables(op)
    _create_versions()
    _create_toolchains()
    _create_places()


def _create_versions() -> None:
    op.create_table(
        "version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("changelog", sa.Text, nullable=False),
        sa.Column("commit", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("artifacts", sa.Text, nullable=False),
        sa.Column("build", sa.Text, nullable=False),
        sa.Column("lock_digest", sa.Text),
        sa.Column("dotfile", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("version_app_tag", "version", ["app_id", "tag"], unique=True)
    op.create_index("version_app_id", "version", ["app_id"])
    op.create_index("version_app", "version", ["app"])
    op.create_index("version_commit", "version", ["commit"])
    op.create_index("version_lock", "version", ["lock_digest"])


def _create_toolchains() -> None:
    op.create_table(
        "toolchain",
        sa.Column("lock_digest", sa.Text, primary_key=True),
        sa.Column("lock", sa.Text, nullable=False),
    )
    op.create_table(
        "toolchain_tool",
        sa.Column("lock_digest", sa.Text, primary_key=True),
        sa.Column("tool", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("requests", sa.Text, nullable=False),
        sa.Column("platforms", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_places() -> None:
    op.create_table(
        "known_app",
        sa.Column("app_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("deleted", sa.Integer, nullable=False),
    )
    op.create_table(
        "heard",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "place",
        sa.Column("app_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("version_id", sa.Integer),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("place_state", "place", ["state", "environment", "app_id"])
    op.create_index("place_app", "place", ["app"])
    op.create_table(
        "place_tool",
        sa.Column("tool", sa.Text, primary_key=True),
        sa.Column("tool_version", sa.Text, primary_key=True),
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("place_tool_place", "place_tool", ["app_id", "environment"])

"""Environments, deployments with a history that only grows, and the projection of what stands where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables

revision = "0001"
down_revision = None

_ACTIVE = sa.text("status IN ('awaiting_approval', 'blocked', 'in_progress', 'pending', 'queued')")


def upgrade() -> None:
    """Make the tables, and the triggers that let the history only grow."""
    create_shared_tables(op)
    _create_environment()
    _create_deployment()
    _create_status_entry()
    _create_place()
    _create_known()
    for statement in _ONLY_GROWS:
        op.execute(statement)


def _create_environment() -> None:
    op.create_table(
        "environment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("sort_order", sa.Integer, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("environment_name", "environment", ["name"], unique=True)


def _create_deployment() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.Integer),
        sa.Column("rev", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("supersedes", sa.Integer),
        sqlite_autoincrement=True,
    )
    place = ["app_id", "environment"]
    op.create_index("deployment_active", "deployment", place, unique=True, sqlite_where=_ACTIVE)
    stands = sa.text("status = 'successful'")
    op.create_index("deployment_stands", "deployment", place, unique=True, sqlite_where=stands)
    linked = sa.text("supersedes IS NOT NULL")
    op.create_index("deployment_supersedes", "deployment", ["supersedes"], sqlite_where=linked)
    op.create_index("deployment_app_id", "deployment", ["app_id", "id"])
    op.create_index("deployment_app", "deployment", ["app", "id"])
    op.create_index("deployment_version", "deployment", ["version_id", "id"])
    op.create_index("deployment_environment", "deployment", ["environment", "id"])
    op.create_index("deployment_status", "deployment", ["status", "id"])


def _create_status_entry() -> None:
    op.create_table(
        "status_entry",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("deployment_id", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("status_entry_deployment", "status_entry", ["deployment_id", "id"])


def _create_place() -> None:
    op.create_table(
        "place",
        sa.Column("app_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("current_id", sa.Integer),
        sa.Column("current_version_id", sa.Integer),
        sa.Column("current_tag", sa.Text),
        sa.Column("current_actor", sa.Text),
        sa.Column("current_since", sa.Integer),
        sa.Column("last_id", sa.Integer, nullable=False),
        sa.Column("last_version_id", sa.Integer, nullable=False),
        sa.Column("last_tag", sa.Text, nullable=False),
        sa.Column("last_status", sa.Text, nullable=False),
        sa.Column("last_actor", sa.Text, nullable=False),
        sa.Column("last_updated_at", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("place_environment", "place", ["environment", "app_id"])
    op.create_index("place_version", "place", ["current_version_id", "app_id"])


def _create_known() -> None:
    op.create_table(
        "known_app",
        sa.Column("app_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("gone", sa.Integer, nullable=False),
    )
    op.create_table(
        "gone_version", sa.Column("version_id", sa.Integer, primary_key=True, autoincrement=False)
    )


_ONLY_GROWS = [
    f"CREATE TRIGGER status_entry_no_{act.lower()} BEFORE {act} ON status_entry"
    f" BEGIN SELECT RAISE(ABORT, 'the history only grows: no {act.lower()}'); END"
    for act in ("UPDATE", "DELETE")
]
# INSERT OR REPLACE removes rows without asking the triggers above.
_ONLY_GROWS.append("""
    CREATE TRIGGER status_entry_is_new BEFORE INSERT ON status_entry
    WHEN EXISTS (SELECT 1 FROM status_entry WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the history only grows: this entry is there already'); END""")

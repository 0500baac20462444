"""Environments, deployments with append-only history, and projections of placements and apps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables, execute_for_dialect
from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, Id, Text, Timestamp, only_where

revision = "0001"
down_revision = None

_ACTIVE = sa.text("status IN ('awaiting_approval', 'blocked', 'in_progress', 'pending', 'queued')")


def upgrade() -> None:
    """Create the tables, and the triggers that make the history append-only."""
    create_shared_tables(op)
    _create_environment()
    _create_deployment()
    _create_status_entry()
    _create_placement()
    _create_projections()
    _create_deletion_hold()
    execute_for_dialect(op, _APPEND_ONLY)


def _create_environment() -> None:
    op.create_table(
        "environment",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("tier", Text, nullable=False),
        sa.Column("sort_order", sa.Integer, nullable=False),
        sa.Column("rules", Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False),
        sa.Column("folded", Text, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("environment_folded", "environment", ["folded"], unique=True)


def _create_deployment() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", Id, primary_key=True),
        sa.Column("version_id", Id, nullable=False),
        sa.Column("app_id", Id, nullable=False),
        sa.Column("app", Text, nullable=False),
        sa.Column("tag", Text, nullable=False),
        sa.Column("environment", Text, nullable=False),
        sa.Column("status", Text, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("finished_at", Timestamp),
        sa.Column("rev", sa.Integer, nullable=False),
        sa.Column("user_id", Id),
        sa.Column("approved_by", Text, nullable=False),
        sa.Column("supersedes", Id),
        **IDS_NEVER_REUSED,
    )
    placement = ["app_id", "environment"]
    op.create_index("deployment_active", "deployment", placement, unique=True, **only_where(_ACTIVE))
    current = sa.text("status = 'successful'")
    op.create_index("deployment_current", "deployment", placement, unique=True, **only_where(current))
    linked = sa.text("supersedes IS NOT NULL")
    op.create_index("deployment_supersedes", "deployment", ["supersedes"], **only_where(linked))
    op.create_index("deployment_app_id", "deployment", ["app_id", "id"])
    op.create_index("deployment_version", "deployment", ["version_id", "id"])
    op.create_index("deployment_environment", "deployment", ["environment", "id"])
    op.create_index("deployment_status", "deployment", ["status", "id"])


def _create_status_entry() -> None:
    op.create_table(
        "status_entry",
        sa.Column("id", Id, primary_key=True),
        sa.Column("deployment_id", Id, nullable=False),
        sa.Column("status", Text, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("status_entry_deployment", "status_entry", ["deployment_id", "id"])


def _create_placement() -> None:
    op.create_table(
        "placement",
        sa.Column("app_id", Id, primary_key=True, autoincrement=False),
        sa.Column("environment", Text, primary_key=True),
        sa.Column("app", Text, nullable=False),
        sa.Column("current_id", Id),
        sa.Column("current_version_id", Id),
        sa.Column("current_tag", Text),
        sa.Column("current_actor", Text),
        sa.Column("current_since", Timestamp),
        sa.Column("last_id", Id, nullable=False),
        sa.Column("last_version_id", Id, nullable=False),
        sa.Column("last_tag", Text, nullable=False),
        sa.Column("last_status", Text, nullable=False),
        sa.Column("last_actor", Text, nullable=False),
        sa.Column("last_updated_at", Timestamp, nullable=False),
        **CLUSTERED,
    )
    op.create_index("placement_environment", "placement", ["environment", "app_id"])
    op.create_index("placement_version", "placement", ["current_version_id", "app_id"])


def _create_projections() -> None:
    op.create_table(
        "app_projection",
        sa.Column("app_id", Id, primary_key=True, autoincrement=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("sequence", Id, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
    )
    not_deleted = ~sa.column("deleted", sa.Boolean)
    op.create_index("app_projection_name", "app_projection", ["name"], **only_where(not_deleted))
    op.create_table("deleted_version", sa.Column("version_id", Id, primary_key=True, autoincrement=False))


def _create_deletion_hold() -> None:
    op.create_table(
        "deletion_hold",
        sa.Column("id", Id, primary_key=True),
        sa.Column("app_id", Id),
        sa.Column("version_id", Id),
        sa.Column("until", Timestamp, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("deletion_hold_app", "deletion_hold", ["app_id"])
    op.create_index("deletion_hold_version", "deletion_hold", ["version_id"])


_APPEND_ONLY = {
    "sqlite": (
        *(
            f"CREATE TRIGGER status_entry_no_{act.lower()} BEFORE {act} ON status_entry"
            f" BEGIN SELECT RAISE(ABORT, 'status history is append-only: {act.lower()} refused'); END"
            for act in ("UPDATE", "DELETE")
        ),
        # INSERT OR REPLACE deletes rows without firing the triggers above.
        """
        CREATE TRIGGER status_entry_is_new BEFORE INSERT ON status_entry
        WHEN EXISTS (SELECT 1 FROM status_entry WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'status history is append-only: entry already exists'); END""",
    ),
    "postgresql": (
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'status history is append-only: % refused', lower(TG_OP);
        END $$""",
        """
        CREATE TRIGGER status_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON status_entry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
        # Also privileges refuse a change: those of the owner, who would have to grant them first.
        "REVOKE UPDATE, DELETE, TRUNCATE ON status_entry FROM CURRENT_USER",
    ),
}

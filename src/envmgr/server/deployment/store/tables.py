"""The deployment service's tables.

Constraints enforce the invariants: a placement has at most one active and one successful deployment; triggers make the
history append-only.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, text

from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, Id, Text, Timestamp, partial_index
from envmgr.server.kit.db.shared_tables import Tables

# Literals, not parameters: a partial index serves only queries whose condition repeats its own.
IS_ACTIVE = text("status IN ('awaiting_approval', 'blocked', 'in_progress', 'pending', 'queued')")
IS_CURRENT = text("status = 'successful'")

metadata = MetaData()
Tables(metadata)
environment = Table(
    "environment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("sort_order", Integer, nullable=False),
    Column("rules", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("folded", Text, nullable=False),
    Index("environment_folded", "folded", unique=True),
    **IDS_NEVER_REUSED,
)
deployment = Table(
    "deployment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("version_id", Id, nullable=False),
    Column("app_id", Id, nullable=False),
    Column("app", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("finished_at", Timestamp),
    Column("rev", Integer, nullable=False),
    Column("user_id", Id),
    Column("approved_by", Text, nullable=False),
    Column("supersedes", Id),
    partial_index("deployment_active", "app_id", "environment", unique=True, where=IS_ACTIVE),
    partial_index("deployment_current", "app_id", "environment", unique=True, where=IS_CURRENT),
    partial_index("deployment_supersedes", "supersedes", where=text("supersedes IS NOT NULL")),
    Index("deployment_app_id", "app_id", "id"),
    Index("deployment_version", "version_id", "id"),
    Index("deployment_environment", "environment", "id"),
    Index("deployment_status", "status", "id"),
    **IDS_NEVER_REUSED,
)
status_entry = Table(
    "status_entry",
    metadata,
    Column("id", Id, primary_key=True),
    Column("deployment_id", Id, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index("status_entry_deployment", "deployment_id", "id"),
    **IDS_NEVER_REUSED,
)
placement = Table(
    "placement",
    metadata,
    Column("app_id", Id, primary_key=True, autoincrement=False),
    Column("environment", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("current_id", Id),
    Column("current_version_id", Id),
    Column("current_tag", Text),
    Column("current_actor", Text),
    Column("current_since", Timestamp),
    Column("last_id", Id, nullable=False),
    Column("last_version_id", Id, nullable=False),
    Column("last_tag", Text, nullable=False),
    Column("last_status", Text, nullable=False),
    Column("last_actor", Text, nullable=False),
    Column("last_updated_at", Timestamp, nullable=False),
    Index("placement_environment", "environment", "app_id"),
    Index("placement_version", "current_version_id", "app_id"),
    **CLUSTERED,
)
app_projection = Table(
    "app_projection",
    metadata,
    Column("app_id", Id, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("sequence", Id, nullable=False),
    Column("deleted", Boolean, nullable=False),
)
NOT_DELETED = ~app_projection.c.deleted
partial_index("app_projection_name", app_projection.c.name, where=NOT_DELETED)
deleted_version = Table(
    "deleted_version",
    metadata,
    Column("version_id", Id, primary_key=True, autoincrement=False),
)
deletion_hold = Table(
    "deletion_hold",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id),
    Column("version_id", Id),
    Column("until", Timestamp, nullable=False),
    Index("deletion_hold_app", "app_id"),
    Index("deletion_hold_version", "version_id"),
    **IDS_NEVER_REUSED,
)

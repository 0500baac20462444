"""The deployment service's tables.

The database itself holds what must never be otherwise: a place has one active deployment at most, and one that is
successful; triggers refuse to change or remove what was written to the history.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, text

from envmgr.server.kit.db.shared_tables import Tables

# Spelled out, not bound: SQLite takes a partial index only for a condition that it reads as the index's own.
IS_ACTIVE = text("status IN ('awaiting_approval', 'blocked', 'in_progress', 'pending', 'queued')")
IS_CURRENT = text("status = 'successful'")
NOT_DELETED = text("gone = 0")

metadata = MetaData()
Tables(metadata)
environment = Table(
    "environment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("sort_order", Integer, nullable=False),
    Column("rules", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
    Index("environment_name", "name", unique=True),
    sqlite_autoincrement=True,
)
deployment = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version_id", Integer, nullable=False),
    Column("app_id", Integer, nullable=False),
    Column("app", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("finished_at", Integer),
    Column("rev", Integer, nullable=False),
    Column("user_id", Integer),
    Column("approved_by", Text, nullable=False),
    Column("supersedes", Integer),
    Index("deployment_active", "app_id", "environment", unique=True, sqlite_where=IS_ACTIVE),
    Index("deployment_stands", "app_id", "environment", unique=True, sqlite_where=IS_CURRENT),
    Index("deployment_supersedes", "supersedes", sqlite_where=text("supersedes IS NOT NULL")),
    Index("deployment_app_id", "app_id", "id"),
    Index("deployment_version", "version_id", "id"),
    Index("deployment_environment", "environment", "id"),
    Index("deployment_status", "status", "id"),
    sqlite_autoincrement=True,
)
status_entry = Table(
    "status_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("deployment_id", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Index("status_entry_deployment", "deployment_id", "id"),
    sqlite_autoincrement=True,
)
placement = Table(
    "place",
    metadata,
    Column("app_id", Integer, primary_key=True, autoincrement=False),
    Column("environment", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("current_id", Integer),
    Column("current_version_id", Integer),
    Column("current_tag", Text),
    Column("current_actor", Text),
    Column("current_since", Integer),
    Column("last_id", Integer, nullable=False),
    Column("last_version_id", Integer, nullable=False),
    Column("last_tag", Text, nullable=False),
    Column("last_status", Text, nullable=False),
    Column("last_actor", Text, nullable=False),
    Column("last_updated_at", Integer, nullable=False),
    Index("place_environment", "environment", "app_id"),
    Index("place_version", "current_version_id", "app_id"),
    sqlite_with_rowid=False,
)
app_projection = Table(
    "known_app",
    metadata,
    Column("app_id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("gone", Integer, nullable=False),
    Index("known_app_name", "name", sqlite_where=NOT_DELETED),
)
deleted_version = Table(
    "gone_version",
    metadata,
    Column("version_id", Integer, primary_key=True, autoincrement=False),
)
deletion_hold = Table(
    "leaving",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app_id", Integer),
    Column("version_id", Integer),
    Column("until", Integer, nullable=False),
    Index("leaving_app", "app_id"),
    Index("leaving_version", "version_id"),
    sqlite_autoincrement=True,
)

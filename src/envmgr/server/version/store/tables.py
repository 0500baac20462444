"""The version service's tables."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

from envmgr.server.kit.db.shared_tables import Tables

metadata = MetaData()
Tables(metadata)

version = Table(
    "version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app_id", Integer, nullable=False),
    Column("app", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("changelog", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("artifacts", Text, nullable=False),
    Column("build", Text, nullable=False),
    Column("lock_digest", Text),
    Column("dotfile", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
    Index("version_app_tag", "app_id", "tag", unique=True),
    Index(
        "version_app_id", "app_id"
    ),  # with the id behind it, as in every index: an app's versions, newest first
    Index("version_app", "app"),
    Index("version_commit", "commit"),
    Index("version_lock", "lock_digest"),
    sqlite_autoincrement=True,
)

toolchain = Table(
    "toolchain",
    metadata,
    Column("lock_digest", Text, primary_key=True),
    Column("lock", Text, nullable=False),
)
"""Locks, verbatim, each once however many versions were built with it."""

toolchain_tool = Table(
    "toolchain_tool",
    metadata,
    Column("lock_digest", Text, primary_key=True),
    Column("tool", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("requests", Text, nullable=False),
    Column("platforms", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What locks pin."""

app_projection = Table(
    "known_app",
    metadata,
    Column("app_id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("deleted", Integer, nullable=False),
)
"""What events told of apps: new names, and which are gone for good."""

consumer_offset = Table(
    "heard",
    metadata,
    Column("source", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How far the events of another service are taken in."""

placement = Table(
    "place",
    metadata,
    Column("app_id", Integer, primary_key=True, autoincrement=False),
    Column("environment", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("version_id", Integer),
    Column("tag", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Index("place_state", "state", "environment", "app_id"),
    Index("place_app", "app"),
    sqlite_with_rowid=False,
)
"""What stands where, as events told; `sequence` is of the newest event that told of the place."""

placement_tool = Table(
    "place_tool",
    metadata,
    Column("tool", Text, primary_key=True),
    Column("tool_version", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("app_id", Integer, primary_key=True, autoincrement=False),
    Index("place_tool_place", "app_id", "environment"),
    sqlite_with_rowid=False,
)
"""Which tools the versions that stand somewhere are locked with."""

"""The version service's tables."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table

from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, Id, Text, Timestamp
from envmgr.server.kit.db.shared_tables import Tables

metadata = MetaData()
Tables(metadata)

version = Table(
    "version",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, nullable=False),
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
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("rev", Integer, nullable=False),
    Index("version_app_tag", "app_id", "tag", unique=True),
    # An app's versions, newest first.
    Index("version_app_id", "app_id", "id"),
    Index("version_app", "app"),
    Index("version_commit", "commit"),
    Index("version_lock", "lock_digest"),
    **IDS_NEVER_REUSED,
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
    **CLUSTERED,
)
"""What locks pin."""

app_projection = Table(
    "app_projection",
    metadata,
    Column("app_id", Id, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("sequence", Id, nullable=False),
    Column("deleted", Boolean, nullable=False),
)
"""Projection of app events: current names and deletions."""

placement = Table(
    "placement",
    metadata,
    Column("app_id", Id, primary_key=True, autoincrement=False),
    Column("environment", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("version_id", Id),
    Column("tag", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("sequence", Id, nullable=False),
    Index("placement_state", "state", "environment", "app_id"),
    Index("placement_app", "app"),
    **CLUSTERED,
)
"""Projection of deployment events; `sequence` is that of the newest event of the placement."""

placement_tool = Table(
    "placement_tool",
    metadata,
    Column("tool", Text, primary_key=True),
    Column("tool_version", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("app_id", Id, primary_key=True, autoincrement=False),
    Index("placement_tool_placement", "app_id", "environment"),
    **CLUSTERED,
)
"""The locked tools of placements."""

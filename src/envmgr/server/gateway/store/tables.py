"""Tables of the gateway; passwords, tokens and keys are stored as hashes only."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table

from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, Id, Text, Timestamp
from envmgr.server.kit.db.shared_tables import Tables

HEAD = "0002"
"""Migration revision that this code requires."""

metadata = MetaData()
Tables(metadata)
user = Table(
    "user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("username", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("deleted_at", Timestamp),
    Column("rev", Integer, nullable=False),
    Index("user_folded", "folded", unique=True),
    **IDS_NEVER_REUSED,
)
session = Table(
    "session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Column("revoked_at", Timestamp),
    Index("session_user", "user_id"),
    Index("session_expires_at", "expires_at"),
    **IDS_NEVER_REUSED,
)
refresh = Table(
    "refresh",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("session_id", Id, nullable=False),
    Column("used_at", Timestamp),
    Index("refresh_session", "session_id"),
    **CLUSTERED,
)
api_key = Table(
    "api_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("app_ids", Text),
    Column("created_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp),
    Column("last_used_at", Timestamp),
    Column("revoked_at", Timestamp),
    Index("api_key_user", "user_id"),
    **IDS_NEVER_REUSED,
)
binding = Table(
    "binding",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("claims", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("app_ids", Text),
    Column("lifetime", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index("binding_issuer", "issuer"),
    **IDS_NEVER_REUSED,
)
exchanged_token = Table(
    "exchanged_token",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("expires_at", Timestamp, nullable=False),
    Index("exchanged_token_expires_at", "expires_at"),
    **CLUSTERED,
)
failed_login = Table(
    "failed_login",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index("failed_login_account", "account", "created_at"),
    Index("failed_login_address", "address", "created_at"),
    **IDS_NEVER_REUSED,
)
request_count = Table(
    "request_count",
    metadata,
    Column("minute", Id, primary_key=True, autoincrement=False),
    Column("principal", Text, primary_key=True),
    Column("count", Id, nullable=False),
    **CLUSTERED,
)

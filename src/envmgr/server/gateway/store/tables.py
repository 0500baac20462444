"""The gateway's tables. Nothing in them lets anybody in: passwords are hashed, and so are tokens and keys."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

from envmgr.server.kit.db.shared_tables import Tables

HEAD = "0001"
"""The revision that this code is written for."""

metadata = MetaData()
Tables(metadata)
user = Table(
    "user",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("username", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("active", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("deleted_at", Integer),
    Column("rev", Integer, nullable=False),
    Index("user_folded", "folded", unique=True),
    sqlite_autoincrement=True,
)
session = Table(
    "session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("revoked_at", Integer),
    Index("session_user", "user_id"),
    Index("session_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)
refresh = Table(
    "refresh",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("session_id", Integer, nullable=False),
    Column("used_at", Integer),
    Index("refresh_session", "session_id"),
    sqlite_with_rowid=False,
)
api_key = Table(
    "api_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("apps", Text),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer),
    Column("last_used_at", Integer),
    Column("revoked_at", Integer),
    Index("api_key_user", "user_id"),
    sqlite_autoincrement=True,
)
binding = Table(
    "binding",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("claims", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("apps", Text),
    Column("lifetime", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Index("binding_issuer", "issuer"),
    sqlite_autoincrement=True,
)
exchanged_token = Table(
    "exchanged",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("expires_at", Integer, nullable=False),
    Index("exchanged_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)
failed_login = Table(
    "attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Index("attempt_account", "account", "at"),
    Index("attempt_address", "address", "at"),
    sqlite_autoincrement=True,
)

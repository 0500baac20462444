"""Users, sessions, keys, bindings, and the tables that every service has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables
from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, Id, Text, Timestamp

revision = "0001"
down_revision = None


def _id(name: str) -> sa.Column[int]:
    return sa.Column(name, Id, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, Timestamp, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, Text, nullable=False)


def upgrade() -> None:
    """Create the tables."""
    create_shared_tables(op)
    _create_users()
    _create_sessions()
    _create_api_keys()
    _create_bindings()
    _create_failed_logins()


def _create_users() -> None:
    op.create_table(
        "user",
        sa.Column("id", Id, primary_key=True),
        *map(_text, ("username", "folded", "password", "role")),
        sa.Column("active", sa.Boolean, nullable=False),
        *map(_time, ("created_at", "updated_at")),
        sa.Column("deleted_at", Timestamp),
        sa.Column("rev", sa.Integer, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("user_folded", "user", ["folded"], unique=True)


def _create_sessions() -> None:
    op.create_table(
        "session",
        sa.Column("id", Id, primary_key=True),
        _id("user_id"),
        _text("address"),
        *map(_time, ("created_at", "expires_at")),
        sa.Column("revoked_at", Timestamp),
        **IDS_NEVER_REUSED,
    )
    op.create_index("session_user", "session", ["user_id"])
    op.create_index("session_expires_at", "session", ["expires_at"])
    op.create_table(
        "refresh",
        sa.Column("hash", Text, primary_key=True),
        _id("session_id"),
        sa.Column("used_at", Timestamp),
        **CLUSTERED,
    )
    op.create_index("refresh_session", "refresh", ["session_id"])


def _create_api_keys() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", Id, primary_key=True),
        _id("user_id"),
        *map(_text, ("name", "hash", "scopes")),
        sa.Column("app_ids", Text),
        _time("created_at"),
        *(sa.Column(name, Timestamp) for name in ("expires_at", "last_used_at", "revoked_at")),
        **IDS_NEVER_REUSED,
    )
    op.create_index("api_key_user", "api_key", ["user_id"])


def _create_bindings() -> None:
    op.create_table(
        "binding",
        sa.Column("id", Id, primary_key=True),
        *map(_text, ("name", "issuer", "audience", "claims", "scopes")),
        sa.Column("app_ids", Text),
        sa.Column("lifetime", sa.Integer, nullable=False),
        _text("created_by"),
        _time("created_at"),
        **IDS_NEVER_REUSED,
    )
    op.create_index("binding_issuer", "binding", ["issuer"])
    op.create_table(
        "exchanged_token",
        sa.Column("hash", Text, primary_key=True),
        _time("expires_at"),
        **CLUSTERED,
    )
    op.create_index("exchanged_token_expires_at", "exchanged_token", ["expires_at"])


def _create_failed_logins() -> None:
    op.create_table(
        "failed_login",
        sa.Column("id", Id, primary_key=True),
        *map(_text, ("account", "address")),
        _time("created_at"),
        **IDS_NEVER_REUSED,
    )
    op.create_index("failed_login_account", "failed_login", ["account", "created_at"])
    op.create_index("failed_login_address", "failed_login", ["address", "created_at"])

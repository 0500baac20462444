"""Users, sessions, keys, bindings, and the tables that every service has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from envmgr.server.kit.db.migrations import create_shared_tables

revision = "0001"
down_revision = None


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    create_shared_tables(op)
    _people()
    _sessions()
    _keys()
    _exchange()
    _attempts()


def _people() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Integer, primary_key=True),
        *map(_text, ("username", "folded", "password", "role")),
        *map(_whole, ("active", "created_at", "updated_at")),
        sa.Column("deleted_at", sa.Integer),
        _whole("rev"),
        sqlite_autoincrement=True,
    )
    op.create_index("user_folded", "user", ["folded"], unique=True)


def _sessions() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.Integer, primary_key=True),
        _whole("user_id"),
        _text("address"),
        *map(_whole, ("created_at", "expires_at")),
        sa.Column("revoked_at", sa.Integer),
        sqlite_autoincrement=True,
    )
    op.create_index("session_user", "session", ["user_id"])
    op.create_index("session_expires_at", "session", ["expires_at"])
    op.create_table(
        "refresh",
        sa.Column("hash", sa.Text, primary_key=True),
        _whole("session_id"),
        sa.Column("used_at", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_index("refresh_session", "refresh", ["session_id"])


def _keys() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer, primary_key=True),
        _whole("user_id"),
        *map(_text, ("name", "hash", "scopes")),
        sa.Column("apps", sa.Text),
        _whole("created_at"),
        *(sa.Column(name, sa.Integer) for name in ("expires_at", "last_used_at", "revoked_at")),
        sqlite_autoincrement=True,
    )
    op.create_index("api_key_user", "api_key", ["user_id"])


def _exchange() -> None:
    op.create_table(
        "binding",
        sa.Column("id", sa.Integer, primary_key=True),
        *map(_text, ("name", "issuer", "audience", "claims", "scopes")),
        sa.Column("apps", sa.Text),
        _whole("lifetime"),
        _text("created_by"),
        _whole("created_at"),
        sqlite_autoincrement=True,
    )
    op.create_index("binding_issuer", "binding", ["issuer"])
    op.create_table(
        "exchanged",
        sa.Column("hash", sa.Text, primary_key=True),
        _whole("expires_at"),
        sqlite_with_rowid=False,
    )
    op.create_index("exchanged_expires_at", "exchanged", ["expires_at"])


def _attempts() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer, primary_key=True),
        *map(_text, ("account", "address")),
        _whole("at"),
        sqlite_autoincrement=True,
    )
    op.create_index("attempt_account", "attempt", ["account", "at"])
    op.create_index("attempt_address", "attempt", ["address", "at"])

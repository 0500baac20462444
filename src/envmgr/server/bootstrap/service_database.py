"""The database of one service, in a process of its own: PostgreSQL, by its own URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.distribution import requirement
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.db.migrations import upgrade
from envmgr.server.kit.messaging import event_numbering

if TYPE_CHECKING:
    from types import ModuleType

    from envmgr.server.kit.db.postgresql.database import PostgresDatabase
    from envmgr.server.kit.db.postgresql.target import PostgresTarget


def open_database(url: str, service: str) -> PostgresDatabase:
    """Return a service's database, whose connections are opened when needed; raise SettingsError."""
    try:
        from envmgr.server.kit.db.postgresql.database import PostgresDatabase
    except ImportError as error:
        raise _extra_is_missing() from error
    return PostgresDatabase(url, service, event_numbering.append_unnumbered, event_numbering.number_events)


def target_of(url: str) -> PostgresTarget:
    """Return a database as the target of migrations; raise SettingsError."""
    try:
        from envmgr.server.kit.db.postgresql.target import PostgresTarget
    except ImportError as error:
        raise _extra_is_missing() from error
    return PostgresTarget(url)


def migrate_service(url: str, service: ModuleType, role: str) -> str:
    """Migrate a service's database, and grant a role its use; return its name; raise UnusableDatabase."""
    target = target_of(url)
    upgrade(target, service.MIGRATIONS, service.HEAD)
    if role:
        target.grant(role)
    return target.name


def _extra_is_missing() -> SettingsError:
    return SettingsError(
        "separate services require PostgreSQL but the `postgres` extra is not installed",
        f"run `pipx install --force '{requirement('server', 'postgres', 'grpc', 'nats')}'`",
    )

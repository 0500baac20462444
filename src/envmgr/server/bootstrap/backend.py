"""Backends of databases: files in the data directory of an embedded server, or PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envmgr.kit.errors import EnvmgrError
from envmgr.server.bootstrap.data_directory_check import DataDirectoryCheck
from envmgr.server.bootstrap.extras import require_extra, require_service_extra
from envmgr.server.bootstrap.registry import SERVICES, module_of
from envmgr.server.kit.config.data_dir import DataDirectoryError
from envmgr.server.kit.db.sqlite import SqliteDatabase
from envmgr.server.kit.db.sqlite_file import SqliteFile
from envmgr.server.kit.http.health import Check
from envmgr.server.kit.messaging import event_numbering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.server.kit.config.data_dir import DataDirectory
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.db.migrations import MigrationTarget
    from envmgr.server.kit.db.sql import Database


class DatabaseBackend(Protocol):
    """The databases of all services, or the one of a separate service."""

    @property
    def location(self) -> str:
        """The location of the databases, for messages."""
        ...

    @property
    def should_migrate_at_start(self) -> bool:
        """Return whether a server migrates the databases itself when it starts."""
        ...

    def target(self, service: str) -> MigrationTarget:
        """Return a service's database as the target of migrations."""
        ...

    def open(self, service: str) -> Database:
        """Open a service's database."""
        ...

    def grant(self, service: str, role: str) -> None:
        """Grant a role what a server needs on a migrated database; raise EnvmgrError."""
        ...

    async def acquire(self) -> None:
        """Reserve the databases for this process; raise UnusableDatabase if another server has them."""
        ...

    async def acquire_service(self, service: str) -> None:
        """Reserve one service's database; raise UnusableDatabase while the service runs by itself."""
        ...

    async def release(self) -> None:
        """Return the reservations."""
        ...

    def checks(self) -> Sequence[Check]:
        """Return the readiness checks of the place, as of when all databases are open."""
        ...

    def require_data(self) -> None:
        """Raise EnvmgrError where no server has stored anything."""
        ...

    def require_intact(self) -> None:
        """Check the databases completely, where that is possible; raise UnusableDatabase."""
        ...


class SqliteBackend:
    """A file for each service in the data directory, which one process has locked."""

    def __init__(self, data: DataDirectory) -> None:
        self._data = data

    @property
    def location(self) -> str:
        """Return the directory."""
        return self._data.path

    @property
    def should_migrate_at_start(self) -> bool:
        """Return True: the directory is locked by this process."""
        return True

    def target(self, service: str) -> SqliteFile:
        """Return a service's file."""
        return SqliteFile(self._data.database(service), module_of(service).OWN_TABLE)

    def open(self, service: str) -> SqliteDatabase:
        """Open a service's file."""
        return SqliteDatabase(self._data.database(service), service, event_numbering.append)

    def grant(self, service: str, role: str) -> None:  # noqa: ARG002 - files have no roles
        """Raise EnvmgrError: files have no roles."""
        raise EnvmgrError("--grant-to requires PostgreSQL", "set DB_URL, or omit --grant-to")

    async def acquire(self) -> None:
        """Do nothing: the data directory is locked."""

    async def acquire_service(self, service: str) -> None:
        """Do nothing, as above."""

    async def release(self) -> None:
        """Do nothing, as above."""

    def checks(self) -> Sequence[Check]:
        """Return the check of the files and the disk."""
        return [Check("disk", DataDirectoryCheck(self._data).status)]

    def require_data(self) -> None:
        """Raise DataDirectoryError if the directory contains no database."""
        self._data.require_access()
        if self._data.is_new:
            raise DataDirectoryError(
                f"{self._data.path} contains no server data",
                "pass the server's data directory with --data-dir",
            )

    def require_intact(self) -> None:
        """Check the files completely; raise UnusableDatabase."""
        for service in SERVICES:
            self.target(service.NAME).require_intact()


def database_backend(settings: Settings, data: DataDirectory) -> DatabaseBackend:
    """Return where the settings have the databases.

    Raise SettingsError if an extra is missing, DataDirectoryError if a restore of the directory was interrupted.
    """
    if not settings.database_url:
        data.require_complete()
        return SqliteBackend(data)
    with require_extra("postgres", "DB_URL names PostgreSQL", alternative="unset DB_URL"):
        from envmgr.server.bootstrap.postgres_backend import PostgresBackend
    return PostgresBackend(settings.database_url, settings.database_urls)


def service_backend(
    settings: Settings, service: str, admit_events: Callable[[], None] = lambda: None
) -> DatabaseBackend:
    """Return the database of a separate service; raise SettingsError if the extra is missing.

    `admit_events` raises what a unit of work raises instead of emitting events.
    """
    with require_service_extra("postgres", "separate services require PostgreSQL", settings.bus):
        from envmgr.server.bootstrap.postgres_backend import PostgresBackend
    return PostgresBackend(settings.database_url, {service: settings.database_url}, admit_events)

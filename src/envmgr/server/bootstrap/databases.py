"""Databases of an embedded server: its data directory, and their migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.bootstrap.registry import SERVICE_NAMES, SERVICES
from envmgr.server.kit.config.data_dir import DataDirectory
from envmgr.server.kit.db.migrations import UnusableDatabase, upgrade

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from envmgr.server.bootstrap.backend import DatabaseBackend
    from envmgr.server.kit.db.migrations import MigrationTarget

RESTORE_HINT = (
    "stop the server, restore all databases from one backup, or choose another --data-dir for a new server"
)
OLDER_COPY_HINT = (
    "stop the server, and restore all databases from one backup; or continue without the lost events: "
    "`envmgr-alm restore --accept-gap SERVICE`"
)
JWT_SECRET_FILE, AUDIT_KEY_FILE = "jwt.secret", "audit.key"


def data_directory(path: str) -> DataDirectory:
    """Return the data directory of an embedded server."""
    return DataDirectory(path, SERVICE_NAMES, (JWT_SECRET_FILE, AUDIT_KEY_FILE))


def prepare(backend: DatabaseBackend) -> None:
    """Migrate the databases where a server does so when it starts, or check them; raise UnusableDatabase."""
    if backend.should_migrate_at_start:
        migrate(backend)
    else:
        require_usable(backend)


def migrate(backend: DatabaseBackend, services: Sequence[str] = SERVICE_NAMES, role: str = "") -> None:
    """Migrate databases to the current revision, and grant a role their use; raise UnusableDatabase."""
    require_complete(backend)
    for service in SERVICES:
        if service.NAME in services:
            migrate_service(backend, service, role)


def migrate_service(backend: DatabaseBackend, service: ModuleType, role: str = "") -> None:
    """Migrate one service's database, and grant a role its use; raise UnusableDatabase."""
    upgrade(backend.target(service.NAME), service.MIGRATIONS, service.HEAD)
    if role:
        backend.grant(service.NAME, role)


def require_complete(backend: DatabaseBackend) -> None:
    """Raise UnusableDatabase if a database is missing or empty although another one has data.

    A first start that was interrupted leaves databases without data: the next one completes it.
    """
    targets = [backend.target(service.NAME) for service in SERVICES]
    missing = [target.name for target in targets if target.revision() is None]
    if missing and any(target.has_events() for target in targets if target.name not in missing):
        raise UnusableDatabase(
            f"{', '.join(missing)} missing or empty, but other databases contain data",
            RESTORE_HINT,
        )


def require_usable(backend: DatabaseBackend) -> None:
    """Raise UnusableDatabase unless all databases are at this version's revisions."""
    require_complete(backend)
    for service in SERVICES:
        require_current(backend.target(service.NAME), service.HEAD)


def require_current(target: MigrationTarget, head: str, arguments: str = "") -> None:
    """Raise UnusableDatabase unless a database is at a revision; `arguments` are those of `migrate`."""
    revision = target.revision()
    if revision is None:
        # Else `migrate` would create six databases whose names begin with that of the one.
        of_one = "" if arguments else "; if DB_URL is the database of one service, pass `--service NAME`"
        raise UnusableDatabase(
            f"database {target.name} does not exist or is empty",
            f"run `envmgr-alm migrate{arguments}`{of_one}",
        )
    if revision != head:
        raise UnusableDatabase(
            f"database {target.name} is at schema revision {revision}, expected {head}",
            f"use the server's version of envmgr, or run `envmgr-alm migrate{arguments}`",
        )


def expected_revisions() -> dict[str, str]:
    """Return the revision that the code expects of each database."""
    return {service.NAME: service.HEAD for service in SERVICES}

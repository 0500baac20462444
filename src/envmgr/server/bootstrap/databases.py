"""Databases of an embedded server: its data directory, and their migrations."""

from __future__ import annotations

from envmgr.server.bootstrap.registry import SERVICE_NAMES, SERVICES
from envmgr.server.kit.config.data_dir import DataDirectory
from envmgr.server.kit.db.migrations import UnusableDatabase, upgrade
from envmgr.server.kit.db.sqlite_file import SqliteFile

RESTORE_HINT = (
    "stop the server, restore all databases from one backup, or choose another --data-dir for a new server"
)
JWT_SECRET_FILE, AUDIT_KEY_FILE = "jwt.secret", "audit.key"


def data_directory(path: str) -> DataDirectory:
    """Return the data directory of an embedded server."""
    return DataDirectory(path, SERVICE_NAMES, (JWT_SECRET_FILE, AUDIT_KEY_FILE))


def migrate(data: DataDirectory) -> None:
    """Migrate all databases to the current revision. Raise UnusableDatabase if only some exist."""
    require_complete(data)
    for service in SERVICES:
        upgrade(SqliteFile(data.database(service.NAME)), service.MIGRATIONS, service.HEAD)


def require_complete(data: DataDirectory) -> None:
    """Raise UnusableDatabase if a database is missing or empty although another one has data.

    A first start that was interrupted leaves databases without data: the next one completes it.
    """
    files = [SqliteFile(data.database(service.NAME)) for service in SERVICES]
    missing = [file.path for file in files if file.revision() is None]
    if missing and any(file.has_events() for file in files if file.path not in missing):
        raise UnusableDatabase(
            f"{', '.join(missing)} missing or empty, but other databases of the directory contain data",
            RESTORE_HINT,
        )


def require_current(path: str, head: str) -> None:
    """Raise UnusableDatabase unless a database is at this version's revision."""
    result = SqliteFile(path).revision()
    if result != head:
        raise UnusableDatabase(
            f"database {path} is at schema revision {result or 'none'}, expected {head}",
            "use the server's version of envmgr, or stop the server and run `envmgr-alm migrate`",
        )


def expected_revisions() -> dict[str, str]:
    """Return the revision that the code expects of each database."""
    return {service.NAME: service.HEAD for service in SERVICES}

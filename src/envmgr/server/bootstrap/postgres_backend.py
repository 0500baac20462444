"""PostgreSQL backend: a database for each service, named `alm_app`, `alm_version`, ..."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from envmgr.server.bootstrap.registry import module_of
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.db.postgresql.database import PostgresDatabase
from envmgr.server.kit.db.postgresql.leadership import SERVER_LOCK, PostgresLeadership
from envmgr.server.kit.db.postgresql.target import PostgresTarget
from envmgr.server.kit.http.health import Check
from envmgr.server.kit.messaging import event_numbering

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.sql import Transaction

LOCKED_SERVICE = "worker"
"""The service in whose database the server's lock is."""


class PostgresBackend:
    """Databases on PostgreSQL (implements `DatabaseBackend`): of one prefix, or each by its own URL."""

    def __init__(
        self,
        url: str,
        urls: Mapping[str, str] = MappingProxyType({}),
        admit_events: Callable[[], None] = lambda: None,
    ) -> None:
        self._url = url
        self._admit_events = admit_events
        self._urls = urls
        self._relay_lock: PostgresLeadership | None = None
        self._lock = PostgresLeadership(
            self._url_of(LOCKED_SERVICE), LOCKED_SERVICE, lambda: None, key=SERVER_LOCK
        )

    @property
    def location(self) -> str:
        """Return the host and the prefix of the names, without credentials."""
        if self._urls:
            return ", ".join(self.target(service).name for service in self._urls)
        parts = urlsplit(self._url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}_*"

    @property
    def should_migrate_at_start(self) -> bool:
        """Return False: the server's role may not be allowed to, and other servers may be running."""
        return False

    def target(self, service: str) -> PostgresTarget:
        """Return a service's database as the target of migrations."""
        return PostgresTarget(self._url_of(service), module_of(service).OWN_TABLE)

    def open(self, service: str) -> PostgresDatabase:
        """Return a service's database, whose connections are opened when needed."""
        return PostgresDatabase(
            self._url_of(service), service, self._append_events, event_numbering.number_events
        )

    def _append_events(self, transaction: Transaction, events: Sequence[DomainEvent]) -> None:
        if events:
            self._admit_events()
        event_numbering.append_unnumbered(transaction, events)

    def grant(self, service: str, role: str) -> None:
        """Grant a role all but changes of the schema and of append-only tables; raise UnusableDatabase."""
        self.target(service).grant(role)

    async def acquire(self) -> None:
        """Lock the databases for this process; raise UnusableDatabase if another server has them."""
        if not await self._lock.try_acquire():
            raise UnusableDatabase(
                f"the databases {self.location} are in use by another server",
                "stop it, or set another database in DB_URL",
            )

    async def acquire_service(self, service: str) -> None:
        """Acquire the role of the relay of a service; raise UnusableDatabase if a server has it."""
        self._relay_lock = PostgresLeadership(self._url_of(service), service, lambda: None)
        if not await self._relay_lock.try_acquire():
            raise UnusableDatabase(
                f"the database {self.target(service).name} is in use by another server",
                f"stop the service {service}",
            )

    async def release(self) -> None:
        """Unlock the databases."""
        await self._lock.release()
        if self._relay_lock is not None:
            await self._relay_lock.release()

    def checks(self) -> Sequence[Check]:
        """Return the check of the lock, which ends where the session does."""
        return [Check("lock", self._check_lock)]

    def require_data(self) -> None:
        """Do nothing: a database without data has no revision, which is checked."""

    def require_intact(self) -> None:
        """Do nothing: PostgreSQL checks what it reads."""

    async def _check_lock(self) -> str:
        if not await self._lock.try_acquire():
            raise ServiceUnavailable("another server has taken over the databases; stop this one")
        return "this server has the databases"

    def _url_of(self, service: str) -> str:
        if service in self._urls:
            return self._urls[service]
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(path=f"{parts.path}_{service}"))

"""One separate service for administrative commands: it serves nothing, and calls no other."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError
from envmgr.server.bootstrap.backend import service_backend
from envmgr.server.bootstrap.checkpoints import checkpoint_destination
from envmgr.server.bootstrap.composition import audit_key
from envmgr.server.bootstrap.databases import AUDIT_KEY_FILE, require_current
from envmgr.server.bootstrap.peers import Peers
from envmgr.server.bootstrap.registry import PORTS, module_of
from envmgr.server.bootstrap.service_parts import Resources, ServiceParts, create_parts
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.messaging.bus import InProcessBus
from envmgr.server.kit.security.service_tokens import ServiceTokens
from envmgr.server.kit.security.tokens import SECRET_BYTES, Keyring
from envmgr.server.kit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from envmgr.server.contracts.ports.identity import Identity
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.runtime.service_module import ServiceModule
    from envmgr.server.kit.telemetry.logs import Log


@dataclass(frozen=True, slots=True)
class OfflineService:
    """A service that serves nothing."""

    parts: ServiceParts

    @property
    def databases(self) -> Mapping[str, Database]:
        """Return its database by the name of the service."""
        return {self.parts.module.name: self.parts.module.database}

    @property
    def modules(self) -> Sequence[ServiceModule]:
        """Return its module."""
        return [self.parts.module]

    @property
    def identity(self) -> Identity:
        """Return the identity service; raise EnvmgrError if it is another one."""
        if self.parts.gateway is None:
            raise EnvmgrError("users are in the database of the gateway", "pass `--service gateway`")
        return self.parts.gateway

    def dead_letters(self, service: str) -> DeadLetters:
        """Return the dead letters of the service; raise EnvmgrError for another one."""
        if service != self.parts.module.name:
            raise EnvmgrError(
                f"dead letters of {service} are in its own database",
                f"pass `--service {service}`, with its DB_URL",
            )
        return self.parts.module.dead_letters


def require_usable(service: str, settings: Settings) -> None:
    """Raise SettingsError without a database on PostgreSQL, UnusableDatabase for one of another version."""
    if not settings.database_url:
        raise SettingsError(
            f"--service {service} requires the service's own database on PostgreSQL",
            "set DB_URL to postgresql://USER:PASSWORD@HOST:5432/NAME; for a data directory, omit --service",
        )
    target = service_backend(settings, service).target(service)
    require_current(target, module_of(service).HEAD, f" --service {service}")


@asynccontextmanager
async def open_offline(service: str, settings: Settings, log: Log) -> AsyncIterator[OfflineService]:
    """Yield a service without serving; safe beside running servers."""
    keyring = Keyring([], bytes(SECRET_BYTES))
    peers = Peers(_unused_addresses(service), ServiceTokens(service, []), keyring)
    database = service_backend(settings, service).open(service)
    key = _audit_key(settings) if service == "audit" else b""
    resources = Resources(
        database=database,
        bus=InProcessBus(),
        peers=peers,
        keyring=keyring,
        audit_key=key,
        log=log,
        metrics=Metrics(),
        checkpoint_destination=checkpoint_destination(settings.checkpoints),
    )
    try:
        yield OfflineService(create_parts(service, resources))
    finally:
        await peers.close()
        await database.close()


def _audit_key(settings: Settings) -> bytes:
    """Return the key that signs checkpoints; without one, what needs it fails, rather than use another."""
    path = os.path.join(settings.data_dir, AUDIT_KEY_FILE)
    return audit_key(settings.audit_key, path) if settings.audit_key or os.path.exists(path) else b""


def _unused_addresses(service: str) -> dict[str, str]:
    """Return addresses of the other services, which administrative commands do not call."""
    return {name: f"localhost:{ports.grpc}" for name, ports in PORTS.items() if name != service}

"""Composition of all services in one process, with the bus that the settings name."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.audit.service.truncation_check import TruncationCheck
from envmgr.server.bootstrap.buses import create_bus
from envmgr.server.bootstrap.checkpoints import checkpoint_destination
from envmgr.server.bootstrap.databases import AUDIT_KEY_FILE, JWT_SECRET_FILE
from envmgr.server.bootstrap.registry import SERVICES
from envmgr.server.deployment import module as deployment_module
from envmgr.server.gateway import module as gateway_module
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.older_copies import find_older_copies
from envmgr.server.kit.security.tokens import keyring
from envmgr.server.kit.telemetry.delivery_observer import LoggingDeliveryObserver
from envmgr.server.kit.telemetry.metrics import Metrics
from envmgr.server.version import module as version_module
from envmgr.server.worker import module as worker_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from envmgr.server.bootstrap.backend import DatabaseBackend
    from envmgr.server.contracts.ports.audit import Audit
    from envmgr.server.contracts.ports.identity import Identity
    from envmgr.server.contracts.ports.worker import EventWorker
    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.config.data_dir import DataDirectory
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.runtime.service_module import ServiceModule
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Services:
    """All services, connected; nothing is running yet."""

    databases: Mapping[str, Database]
    modules: Sequence[ServiceModule]
    bus: Bus
    consumer_lag: ConsumerLag
    worker: EventWorker
    audit: Audit
    gateway: Identity
    admit: Callable[[Principal], None] | None = None
    """Counts a request of a principal, and raises TooManyRequests above a limit, if there are limits."""

    def dead_letters(self, service: str) -> DeadLetters:
        """Return a service's dead letters."""
        return next(module.dead_letters for module in self.modules if module.name == service)

    @property
    def identity(self) -> Identity:
        """Return the identity service."""
        return self.gateway

    @property
    def truncation_check(self) -> TruncationCheck:
        """Create the truncation check of the audit log."""
        outboxes = [module.outbox for module in self.modules]
        return TruncationCheck(self.audit, self.dead_letters(audit_module.NAME), outboxes)

    async def older_copies(self) -> list[str]:
        """Return which databases are older copies than the others."""
        return await find_older_copies(
            [module.outbox for module in self.modules], [module.dead_letters for module in self.modules]
        )

    async def close(self) -> None:
        """Close the databases, each even if another fails to close."""
        async with AsyncExitStack() as stack:
            for database in self.databases.values():
                stack.push_async_callback(database.close)


def audit_key(setting: str, path: str) -> bytes:
    """Return the key that signs checkpoints: a setting, or generated in a file; raise SigningKeyError."""
    return audit_module.configured_key(setting) if setting else audit_module.private_key(path)


@asynccontextmanager
async def open_offline(
    settings: Settings, data: DataDirectory, backend: DatabaseBackend, log: Log
) -> AsyncIterator[Services]:
    """Yield the services without serving; safe beside a running server."""
    opened = build_services(settings, data, backend, log, Metrics())
    try:
        yield opened
    finally:
        await opened.close()


def build_services(
    settings: Settings,
    data: DataDirectory,
    backend: DatabaseBackend,
    log: Log,
    metrics: Metrics,
    tracing: Tracing | None = None,
) -> Services:
    """Open the databases and create every service."""
    databases = {service.NAME: backend.open(service.NAME) for service in SERVICES}
    # One process at a time uses a data directory.
    owner = os.path.realpath(data.path)
    plain_bus = create_bus(settings.bus, owner, LoggingDeliveryObserver(log, metrics))
    bus = tracing.bus(plain_bus) if tracing else plain_bus
    apps = app_module.make(databases["app"])
    versions = version_module.make(databases["version"], apps)
    deployments = deployment_module.make(databases["deployment"], versions, apps)
    keys = keyring(
        secret=settings.jwt_secret,
        private_key=settings.jwt_private_key,
        jwks=settings.jwt_jwks,
        path=data.file(JWT_SECRET_FILE),
    )
    gateway = gateway_module.make(databases["gateway"], keys, apps)
    quota = gateway_module.make_quota(databases["gateway"], settings.requests_per_minute)
    key = audit_key(settings.audit_key, data.file(AUDIT_KEY_FILE))
    audit = audit_module.make(databases["audit"], key, checkpoint_destination(settings.checkpoints))
    worker = worker_module.make(databases["worker"], bus, log, metrics)
    modules = [
        app_module.module(databases["app"], apps, versions, deployments),
        version_module.module(databases["version"], versions, deployments),
        deployment_module.module(databases["deployment"], deployments),
        audit_module.module(databases["audit"], audit),
        # One process has the databases: to exchange counts would write, and empty caches, for nothing.
        gateway_module.module(databases["gateway"], gateway),
        worker_module.module(databases["worker"], worker),
    ]
    lag = ConsumerLag([module.outbox for module in modules], [module.dead_letters for module in modules])
    return Services(
        databases, modules, bus, lag, worker, audit, gateway, admit=quota.admit if quota else None
    )

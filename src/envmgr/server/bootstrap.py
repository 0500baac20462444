"""Composition root: builds the embedded server from settings; the only module that names concrete classes."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar
from litestar.exceptions import HTTPException

from envmgr.server.app import api as app_api
from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.audit.api import audit_log as audit_api
from envmgr.server.audit.service.truncation_check import TruncationCheck
from envmgr.server.deployment import module as deployment_module
from envmgr.server.deployment.api import deployments as deployment_api
from envmgr.server.gateway import api as gateway_api
from envmgr.server.gateway import module as gateway_module
from envmgr.server.gateway.domain.identity_model import require_good_password
from envmgr.server.gateway.service.users import ADMIN
from envmgr.server.kit.common.problems import InvalidFields, Problem
from envmgr.server.kit.config.data_dir import DataDirectory, DataDirectoryError
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.db.migrations import UnusableDatabase, upgrade
from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.db.sqlite import SqliteDatabase
from envmgr.server.kit.db.sqlite_file import SqliteFile
from envmgr.server.kit.http import headers
from envmgr.server.kit.http import health as health_kit
from envmgr.server.kit.http.errors import http_exception_handler, problem_handler
from envmgr.server.kit.http.health import Check, Health
from envmgr.server.kit.http.json_body import StrictRequest
from envmgr.server.kit.http.middleware import RequestMiddleware
from envmgr.server.kit.http.options import options_handlers
from envmgr.server.kit.http.request_policy import merge_policies
from envmgr.server.kit.http.requests import require_scope
from envmgr.server.kit.messaging import outbox
from envmgr.server.kit.messaging.bus import Delivery, InProcessBus
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.openapi import document as openapi
from envmgr.server.kit.runtime import health_checks
from envmgr.server.kit.security.tokens import keyring
from envmgr.server.kit.telemetry.access_log import AccessLog
from envmgr.server.kit.telemetry.delivery_observer import LoggingDeliveryObserver
from envmgr.server.kit.telemetry.metrics import Metrics
from envmgr.server.version import module as version_module
from envmgr.server.version.api import versions as version_api
from envmgr.server.worker import module as worker_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from litestar import Response

    from envmgr.server.contracts.ports.audit import Audit
    from envmgr.server.contracts.ports.identity import Identity
    from envmgr.server.contracts.ports.worker import EventWorker
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.http.asgi import Application
    from envmgr.server.kit.http.requests import HttpRequest
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.runtime.service_module import ServiceModule
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing

SERVICES = (app_module, version_module, deployment_module, audit_module, gateway_module, worker_module)
REQUEST_POLICY = merge_policies(
    [health_kit.POLICY, openapi.POLICY, *(service.POLICY for service in SERVICES)]
)
OPENAPI_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openapi.json")
"""The committed OpenAPI document."""
JWT_SECRET_FILE, AUDIT_KEY_FILE = "jwt.secret", "audit.key"
DRAIN_SECONDS, STOP_SECONDS = 2.0, 1.5


def validate_settings(settings: Settings) -> None:
    """Raise SettingsError for settings that would fail later during start-up."""
    if not settings.admin_password:
        return
    try:
        require_good_password(ADMIN, settings.admin_password, "")
    except InvalidFields as error:
        raise SettingsError(
            f"invalid ALM_ADMIN_PASSWORD: {error.errors[0][1]}",
            "set another, or unset it to generate one",
        ) from error


def data_directory(path: str) -> DataDirectory:
    """Return the data directory of an embedded server."""
    return DataDirectory(path, [service.NAME for service in SERVICES], (JWT_SECRET_FILE, AUDIT_KEY_FILE))


def migrate(data: DataDirectory) -> None:
    """Migrate every database to the current revision."""
    for service in SERVICES:
        upgrade(SqliteFile(data.database(service.NAME)), service.MIGRATIONS, service.HEAD)


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

    def dead_letters(self, service: str) -> DeadLetters:
        """Return a service's dead letters."""
        return next(module.dead_letters for module in self.modules if module.name == service)

    @property
    def truncation_check(self) -> TruncationCheck:
        """Create the truncation check of the audit log."""
        outboxes = [module.outbox for module in self.modules]
        return TruncationCheck(self.audit, self.dead_letters(audit_module.NAME), outboxes)

    async def close(self) -> None:
        """Close the databases."""
        for database in self.databases.values():
            await database.close()


class EmbeddedServer:
    """All services in one process, on one data directory."""

    def __init__(
        self, settings: Settings, services: Services, log: Log, metrics: Metrics, tracing: Tracing | None
    ) -> None:
        self._services = services
        self._log = log
        self._health = _health(services, metrics)
        self.initial_admin_password: str | None = None
        """Password of the first admin, if it was created by this start."""
        self.application = RequestMiddleware(
            cast("Application", create_router([*_routes(services.modules), *_system_routes(self._health)])),
            services.gateway.authenticator,
            AccessLog(log, metrics, services.gateway.denials),
            policy=REQUEST_POLICY,
            require_if_match=settings.require_if_match,
            allowed_origins=settings.allowed_origins,
            trusted_proxies=settings.trusted_proxies,
            tracing=tracing,
        )

    async def start(self, admin_password: str) -> None:
        """Start event delivery and jobs; on the first start, create the first admin."""
        services = self._services
        for cut in await services.truncation_check.find_truncations():
            self._log.error("audit_log_truncated", reason=cut)
        for module in services.modules:
            for subscription in module.subscriptions:
                services.bus.subscribe(subscription)
        await services.bus.start()
        calls = services.worker.start([module.outbox for module in services.modules], services.consumer_lag)
        for name, call in calls.items():
            services.databases[name].on_events(call)
        # Last, so that nothing can fail between generating a password and printing it.
        self.initial_admin_password = await services.gateway.create_initial_admin(admin_password)

    def begin_shutdown(self) -> None:
        """End streaming responses and fail readiness."""
        self._health.is_stopping = True
        for module in self._services.modules:
            module.begin_shutdown()

    async def stop(self) -> None:
        """Relay pending events within the time limit and stop; acknowledged writes are already on disk."""
        await self._services.worker.drain(DRAIN_SECONDS)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                for module in self._services.modules:
                    await module.close()
        except Exception as error:  # noqa: BLE001 - the server stops all the same
            self._log.error("service_shutdown_failed", reason=str(error) or type(error).__name__)
        await self._services.worker.stop()
        await self._services.bus.stop()
        await self._services.close()


async def start_embedded(
    settings: Settings, data: DataDirectory, log: Log, tracing: Tracing | None = None
) -> EmbeddedServer:
    """Create a server on a migrated data directory, and start its background tasks."""
    metrics = Metrics()
    made = EmbeddedServer(
        settings, build_services(settings, data, log, metrics, tracing), log, metrics, tracing
    )
    try:
        await made.start(settings.admin_password)
    except DamagedDatabase:
        for service in SERVICES:
            SqliteFile(data.database(service.NAME)).require_intact()
        raise
    return made


@asynccontextmanager
async def open_offline(settings: Settings, data: DataDirectory, log: Log) -> AsyncIterator[Services]:
    """Yield the services of a data directory without serving; safe beside a running server."""
    if data.is_new:
        raise DataDirectoryError(
            f"{data.path} contains no server data", "pass the server's data directory with --data-dir"
        )
    for service in SERVICES:
        _require_current(data.database(service.NAME), service.HEAD)
    opened = build_services(settings, data, log, Metrics())
    try:
        yield opened
    finally:
        await opened.close()


def _require_current(path: str, head: str) -> None:
    found = SqliteFile(path).revision()
    if found != head:
        raise UnusableDatabase(
            f"database {path} is at schema revision {found or 'none'}, expected {head}",
            "use the server's version of envmgr, or stop the server and run `envmgr-alm migrate`",
        )


def create_router(handlers: Sequence[Any]) -> Litestar:
    """Create the router of these handlers, with the common error handling."""
    return Litestar(
        [*options_handlers(handlers), *handlers],
        request_class=StrictRequest,
        before_request=require_scope,
        exception_handlers={
            Problem: problem_handler,
            HTTPException: http_exception_handler,
            Exception: _reraise,
        },
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
    )


def build_services(
    settings: Settings, data: DataDirectory, log: Log, metrics: Metrics, tracing: Tracing | None = None
) -> Services:
    """Open the databases and create every service."""
    databases = {
        service.NAME: SqliteDatabase(data.database(service.NAME), service.NAME, outbox.append)
        for service in SERVICES
    }
    in_process = InProcessBus(Delivery(LoggingDeliveryObserver(log, metrics)))
    bus = tracing.bus(in_process) if tracing else in_process
    apps = app_module.make(databases["app"])
    versions = version_module.make(databases["version"], apps)
    deployments = deployment_module.make(databases["deployment"], versions, apps)
    keys = keyring(
        secret=settings.jwt_secret,
        private_key=settings.jwt_private_key,
        jwks=settings.jwt_jwks,
        path=data.file(JWT_SECRET_FILE),
    )
    gateway = gateway_module.make(databases["gateway"], keys)
    audit = audit_module.make(databases["audit"], audit_module.private_key(data.file(AUDIT_KEY_FILE)))
    worker = worker_module.make(databases["worker"], bus, log, metrics)
    modules = [
        app_module.module(databases["app"], apps, versions, deployments),
        version_module.module(databases["version"], versions, deployments),
        deployment_module.module(databases["deployment"], deployments),
        audit_module.module(databases["audit"], audit),
        gateway_module.module(databases["gateway"], gateway),
        worker_module.module(databases["worker"], worker),
    ]
    worker.set_jobs([job for module in modules for job in module.jobs])
    lag = ConsumerLag([module.outbox for module in modules], [module.dead_letters for module in modules])
    return Services(databases, modules, bus, lag, worker, audit, gateway)


class _StubService:
    """Placeholder for services when only their routes are needed."""

    def __getattr__(self, name: str) -> _StubService:
        return self


def _system_routes(health: Health) -> list[Any]:
    with open(OPENAPI_PATH, "rb") as file:
        described = file.read()
    return [*health_kit.routes(health), *openapi.routes(described)]


def openapi_document() -> bytes:
    """Return the OpenAPI document of all services."""
    nobody: Any = _StubService()
    handlers = [
        *app_api.routes(nobody, nobody, nobody),
        *version_api.routes(nobody, nobody),
        *(
            handler
            for api in (deployment_api, audit_api, gateway_api, health_kit)
            for handler in api.routes(nobody)
        ),
    ]
    return openapi.serialize(
        openapi.build([*handlers, *openapi.routes(b"")], headers.API_VERSION.decode(), REQUEST_POLICY)
    )


def _routes(modules: Sequence[ServiceModule]) -> list[Any]:
    return [route for module in modules for route in module.routes]


def _reraise(_request: HttpRequest, error: Exception) -> Response[Any]:
    """Pass a bug to the middleware, which logs it and sends a response."""
    raise error


def _expected_revisions() -> dict[str, str]:
    return {service.NAME: service.HEAD for service in SERVICES}


def _health(services: Services, metrics: Metrics) -> Health:
    databases, modules, worker = services.databases, services.modules, services.worker
    return Health(
        metrics,
        checks=[
            health_checks.database_check(databases),
            health_checks.migration_check(databases, _expected_revisions()),
            health_checks.event_backlog_check(modules, services.consumer_lag, worker.problems),
            Check("audit", services.truncation_check.status),
        ],
        gauges=[
            health_checks.backlog_gauges(metrics, modules, services.consumer_lag),
            partial(_audit_gauges, services, metrics),
            partial(_event_gauges, worker, metrics),
        ],
    )


async def _audit_gauges(services: Services, metrics: Metrics) -> None:
    found = await services.audit.stats()
    cut = bool(await services.truncation_check.find_truncations())
    metrics.set_gauge("alm_audit_truncated", "1 if the audit log has been truncated.", "", {"": int(cut)})
    metrics.set_gauge("alm_audit_entries", "Entries of the audit log.", "", {"": found.last_seq})
    metrics.set_gauge(
        "alm_audit_signed_entries",
        "Entries covered by the latest checkpoint.",
        "",
        {"": found.signed_seq},
    )
    metrics.set_gauge(
        "alm_audit_missing_events",
        "Gaps in the event sequence.",
        "service",
        found.missing,
    )
    metrics.set_gauge("alm_audit_missing", "Gaps in the event sequence.", "service", found.missing)


async def _event_gauges(worker: EventWorker, metrics: Metrics) -> None:
    metrics.set_gauge("alm_events_recorded", "Distinct events recorded.", "type", await worker.event_counts())

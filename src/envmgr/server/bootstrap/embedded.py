"""Embedded server: all services in one process, over files in a data directory or PostgreSQL."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

from envmgr.server.bootstrap.composition import Services, build_services
from envmgr.server.bootstrap.databases import OLDER_COPY_HINT
from envmgr.server.bootstrap.health import create_health
from envmgr.server.bootstrap.registry import REQUEST_POLICY
from envmgr.server.bootstrap.routing import create_router, service_routes, system_routes
from envmgr.server.gateway.domain.identity_model import require_good_password
from envmgr.server.gateway.service.users import ADMIN
from envmgr.server.kit.common.failures import describe
from envmgr.server.kit.common.problems import InvalidFields
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.http.middleware import RequestMiddleware
from envmgr.server.kit.telemetry.access_log import AccessLog
from envmgr.server.kit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from envmgr.server.bootstrap.backend import DatabaseBackend
    from envmgr.server.kit.config.data_dir import DataDirectory
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.http.asgi import Application
    from envmgr.server.kit.http.health import Health
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing


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


class EmbeddedServer:
    """All services in one process."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        health: Health,
        log: Log,
        metrics: Metrics,
        tracing: Tracing | None,
    ) -> None:
        self._services = services
        self._log = log
        self._health = health
        self.initial_admin_password: str | None = None
        """Password of the first admin, if it was created by this start."""
        self.application = RequestMiddleware(
            cast(
                "Application",
                create_router([*service_routes(services.modules), *system_routes(self._health)]),
            ),
            services.gateway.authenticator,
            AccessLog(log, metrics, services.gateway.denials),
            policy=REQUEST_POLICY,
            require_if_match=settings.require_if_match,
            allowed_origins=settings.allowed_origins,
            trusted_proxies=settings.trusted_proxies,
            tracing=tracing,
            admit=services.admit,
        )

    async def start(self, admin_password: str) -> None:
        """Start event delivery and jobs; on the first start, create the first admin."""
        services = self._services
        if older := await services.older_copies():
            raise UnusableDatabase(f"databases are not of one time: {'; '.join(older)}", OLDER_COPY_HINT)
        for cut in (await services.truncation_check.inspect()).truncations:
            self._log.error("audit_log_truncated", reason=cut)
        for module in services.modules:
            for subscription in module.subscriptions:
                services.bus.subscribe(subscription)
        await services.bus.start()
        calls = services.worker.start(services.modules, services.consumer_lag)
        for name, call in calls.items():
            services.databases[name].on_events(call)
        # Last, so that nothing can fail between generating a password and printing it.
        self.initial_admin_password = await services.gateway.create_initial_admin(admin_password)

    @property
    def shutdown_notice_seconds(self) -> float:
        """Return 0: clients have no other process to turn to."""
        return 0.0

    def begin_shutdown(self) -> None:
        """End streaming responses and fail readiness."""
        self._health.is_stopping = True
        for module in self._services.modules:
            module.begin_shutdown()

    async def stop(self) -> None:
        """Relay pending events within the time limit and stop; acknowledged writes are already on disk.

        Every step runs, whatever an earlier one raised. Raise DamagedDatabase if one found its database damaged.
        """
        services = self._services
        steps = (
            partial(services.worker.drain, DRAIN_SECONDS),
            self._close_modules,
            services.worker.stop,
            services.bus.stop,
            services.close,
        )
        damage = [error for step in steps if isinstance(error := await self._attempt(step), DamagedDatabase)]
        if damage:
            raise damage[0]

    async def _attempt(self, step: Callable[[], Awaitable[object]]) -> Exception | None:
        """Run a step of the shutdown; log and return what it raised."""
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - the server stops all the same
            self._log.error("service_shutdown_failed", reason=describe(error))
            return error
        return None

    async def _close_modules(self) -> None:
        async with asyncio.timeout(STOP_SECONDS):
            for module in self._services.modules:
                await module.close()


async def start_embedded(
    settings: Settings,
    data: DataDirectory,
    backend: DatabaseBackend,
    log: Log,
    tracing: Tracing | None = None,
) -> EmbeddedServer:
    """Create a server on migrated databases, and start its background tasks."""
    metrics = Metrics()
    await backend.acquire()
    services = build_services(settings, data, backend, log, metrics, tracing)
    health = create_health(services, backend, metrics)
    server = EmbeddedServer(settings, services, health, log, metrics, tracing)
    try:
        await server.start(settings.admin_password)
    except DamagedDatabase:
        backend.require_intact()
        raise
    return server

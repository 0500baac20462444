"""A server of one service: REST and gRPC over its own database, its events, and the other services."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from envmgr.kit.errors import EnvmgrError
from envmgr.server.bootstrap.backend import service_backend
from envmgr.server.bootstrap.buses import create_bus
from envmgr.server.bootstrap.checkpoints import checkpoint_destination
from envmgr.server.bootstrap.composition import audit_key
from envmgr.server.bootstrap.databases import AUDIT_KEY_FILE, require_current
from envmgr.server.bootstrap.older_copy_guard import RESTORE_HINT, OlderCopyGuard
from envmgr.server.bootstrap.peers import Peers, read_tls
from envmgr.server.bootstrap.registry import REQUEST_POLICY, module_of
from envmgr.server.bootstrap.routing import create_router, probe_routes, system_routes
from envmgr.server.bootstrap.service_health import create_service_health
from envmgr.server.bootstrap.service_parts import Resources, create_parts
from envmgr.server.contracts.remote import event_state_rpc
from envmgr.server.contracts.remote.event_state import POLL_INTERVAL_SECONDS
from envmgr.server.contracts.remote.problem_messages import ProblemDetailMessages
from envmgr.server.kit.common.failures import describe
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.grpc.interceptor import CallGuard, CallInterceptor, policies_of, polled_methods
from envmgr.server.kit.grpc.server import GrpcServer, PortInUse
from envmgr.server.kit.http import health as health_kit
from envmgr.server.kit.http.middleware import RequestMiddleware
from envmgr.server.kit.http.request_policy import merge_policies
from envmgr.server.kit.http.server import SHUTDOWN_NOTICE_SECONDS
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.event_state import read_event_state
from envmgr.server.kit.runtime.periodic_task import PeriodicTask
from envmgr.server.kit.runtime.request_deadline import RequestDeadline
from envmgr.server.kit.security.service_keys import service_tokens
from envmgr.server.kit.security.tokens import SECRET_BYTES, keyring
from envmgr.server.kit.telemetry.access_log import AccessLog
from envmgr.server.kit.telemetry.delivery_observer import LoggingDeliveryObserver
from envmgr.server.kit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.bootstrap.service_parts import ServiceParts
    from envmgr.server.kit.config.service_settings import ServiceSettings
    from envmgr.server.kit.grpc.tls import TlsIdentity
    from envmgr.server.kit.http.asgi import Application
    from envmgr.server.kit.http.request_policy import RequestPolicy
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.security.service_tokens import ServiceTokens
    from envmgr.server.kit.security.tokens import Keyring
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing

GRPC_GRACE_SECONDS, DRAIN_SECONDS, STOP_SECONDS = 1.5, 1.5, 1.0
"""What remains of 10 s is for requests in progress, the bus and the database."""
_JWT_HINT = (
    f"set it to {SECRET_BYTES} or more random bytes, the same in every service: `openssl rand -base64 48`"
)


def service_keyring(settings: ServiceSettings) -> Keyring:
    """Return the keys of access tokens; raise SettingsError if they are missing or weak."""
    common = settings.common
    if not (common.jwt_secret or common.jwt_private_key or common.jwt_jwks):
        raise SettingsError("JWT_SECRET is not set: a separate service generates no secret", _JWT_HINT)
    if settings.service == "gateway" and not (common.jwt_secret or common.jwt_private_key):
        raise SettingsError("the gateway signs access tokens, but JWT_JWKS only verifies them", _JWT_HINT)
    return keyring(
        secret=common.jwt_secret,
        private_key=common.jwt_private_key,
        jwks=common.jwt_jwks,
        path="",
    )


def require_migrated(settings: ServiceSettings) -> str:
    """Return the database's name; raise UnusableDatabase unless it has this version's schema."""
    module = module_of(settings.service)
    backend = service_backend(settings.common, settings.service)
    require_current(backend.target(settings.service), module.HEAD, f" --service {settings.service}")
    return backend.location


class ServiceServer:
    """One service in this process, which listens on a port; created in the event loop that runs it."""

    def __init__(
        self, settings: ServiceSettings, keys: ServiceKeys, port: int, log: Log, tracing: Tracing | None
    ) -> None:
        common = settings.common
        self._settings = settings
        self._log = log
        self._metrics = Metrics()
        self._peers = Peers(settings.peers, keys.tokens, keys.access, keys.tls, tracing)
        self._copy_guard = OlderCopyGuard()
        backend = service_backend(common, settings.service, self._copy_guard.require_current)
        self._database = backend.open(settings.service)
        self._bus = _create_bus(settings, port, log, self._metrics, tracing)
        self._parts = create_parts(
            settings.service,
            Resources(
                database=self._database,
                bus=self._bus,
                peers=self._peers,
                keyring=keys.access,
                audit_key=keys.audit,
                log=log,
                metrics=self._metrics,
                checkpoint_destination=checkpoint_destination(common.checkpoints),
                requests_per_minute=common.requests_per_minute,
            ),
        )
        module = self._parts.module
        self._lag = ConsumerLag([module.outbox], [module.dead_letters, *self._peers.event_states.peers])
        self._health = create_service_health(
            self._parts, self._bus, self._peers, self._lag, self._metrics, self._find_missing
        )
        self._grpc = _create_grpc_server(self._parts, keys, log, self._metrics, tracing)
        self._tasks: list[asyncio.Task[None]] = []
        self.grpc_port = settings.grpc_port
        self.initial_admin_password: str | None = None
        """Password of the first admin, if it was created by this start."""
        self.application = RequestMiddleware(
            RequestDeadline(cast("Application", create_router(self._routes()))),
            self._parts.authenticator,
            AccessLog(log, self._metrics, self._parts.denials),
            policy=_request_policy(settings.service),
            require_if_match=common.require_if_match,
            allowed_origins=common.allowed_origins,
            trusted_proxies=common.trusted_proxies,
            tracing=tracing,
            admit=self._parts.admit,
        )

    async def start(self) -> None:
        """Start the gRPC server, event delivery and jobs; raise EnvmgrError, and then stop all of them."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        await self._ask_peers()
        await self._require_current_copy()
        # First, as all else changes databases or the broker: a process without its port has no effect.
        await self._start_grpc()
        await self._start_background()
        polling = PeriodicTask("peer-event-states", POLL_INTERVAL_SECONDS, self._compare_with_peers)
        self._tasks = [asyncio.create_task(polling.run_forever(self._log), name=polling.name)]
        if self._parts.gateway is not None:
            # Last, so that nothing can fail between generating a password and printing it.
            self.initial_admin_password = await self._parts.gateway.create_initial_admin(
                self._settings.common.admin_password
            )

    async def _require_current_copy(self) -> None:
        """Raise UnusableDatabase if the database lacks what peers have recorded, as far as they respond."""
        if missing := await self._find_missing():
            raise UnusableDatabase(f"databases are not of one time: {'; '.join(missing)}", RESTORE_HINT)

    async def _ask_peers(self) -> None:
        """Ask the peers for their state, and log each that begins to refuse this service."""
        states = self._peers.event_states
        earlier_peers = set(states.refusals)
        await states.refresh()
        for peer, refusal in states.refusals.items():
            if peer not in earlier_peers:
                self._log.error("service_token_refused", peer=peer, error=refusal)

    async def _compare_with_peers(self) -> None:
        await self._ask_peers()
        with suppress(ServiceUnavailable):  # the database cannot be compared, nor changed
            await self._find_missing()

    async def _find_missing(self) -> Sequence[str]:
        module = self._parts.module
        return await self._copy_guard.compare(module.outbox, module.dead_letters, self._peers.event_states)

    async def _start_grpc(self) -> None:
        try:
            self.grpc_port = await self._grpc.start(self._settings.common.host, self._settings.grpc_port)
        except PortInUse as error:
            raise EnvmgrError(str(error), "set another --grpc-port or GRPC_PORT") from error

    async def _start_background(self) -> None:
        module = self._parts.module
        for subscription in module.subscriptions:
            self._bus.subscribe(subscription)
        await self._bus.start()
        for wake in self._parts.background.start([module], self._lag).values():
            self._database.on_events(wake)

    @property
    def shutdown_notice_seconds(self) -> float:
        """Return how long requests and calls are still served, for callers to turn to other replicas."""
        return SHUTDOWN_NOTICE_SECONDS

    def begin_shutdown(self) -> None:
        """End streaming responses, fail readiness, and report to balancers that no calls are served."""
        self._health.is_stopping = True
        self._parts.module.begin_shutdown()
        self._tasks.append(asyncio.get_running_loop().create_task(self._grpc.begin_shutdown()))

    async def stop(self) -> None:
        """End calls, relay pending events within the time limit, and close connections.

        Every step runs, whatever an earlier one raised.
        """
        background = self._parts.background
        for step in (
            partial(self._grpc.stop, GRPC_GRACE_SECONDS),
            partial(background.drain, DRAIN_SECONDS),
            self._close_module,
            background.stop,
            self._bus.stop,
            self._stop_tasks,
            # Units in progress are finished first: they ask a peer for permissions.
            self._database.close,
            self._peers.close,
        ):
            await self._attempt(step)

    def _routes(self) -> list[object]:
        system = system_routes if self._parts.gateway is not None else probe_routes
        return [*self._parts.module.routes, *system(self._health)]

    async def _attempt(self, step: Callable[[], Awaitable[object]]) -> None:
        """Run a step of the shutdown; log what it raised."""
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - the server stops all the same
            self._log.error("service_shutdown_failed", reason=describe(error))

    async def _close_module(self) -> None:
        async with asyncio.timeout(STOP_SECONDS):
            await self._parts.module.close()

    async def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class ServiceKeys:
    """The keys of access tokens, calls, TLS and checkpoints; raise EnvmgrError for invalid ones."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.access = service_keyring(settings)
        self.tokens: ServiceTokens = service_tokens(
            settings.service,
            secret=settings.common.jwt_secret,
            private_key=settings.service_key,
            jwks=settings.service_jwks,
        )
        self.tls: TlsIdentity | None = read_tls(settings.tls)
        self.audit = _audit_key(settings) if settings.service == "audit" else b""


def _audit_key(settings: ServiceSettings) -> bytes:
    common = settings.common
    if not common.audit_key:
        os.makedirs(common.data_dir, mode=0o700, exist_ok=True)
    return audit_key(common.audit_key, os.path.join(common.data_dir, AUDIT_KEY_FILE))


def _create_bus(
    settings: ServiceSettings, port: int, log: Log, metrics: Metrics, tracing: Tracing | None
) -> Bus:
    common = settings.common
    # One process at a time listens on a port.
    owner = f"{settings.service}:{common.host}:{port}"
    bus = create_bus(common.bus, owner, LoggingDeliveryObserver(log, metrics))
    return tracing.bus(bus) if tracing else bus


def _create_grpc_server(
    parts: ServiceParts, keys: ServiceKeys, log: Log, metrics: Metrics, tracing: Tracing | None
) -> GrpcServer:
    module = parts.module
    services = [
        *parts.rpc_services,
        event_state_rpc.rpc_service(partial(read_event_state, module.outbox, module.dead_letters)),
    ]
    guard = CallGuard(keys.tokens, parts.principals, policies_of(services))
    messages, polled = ProblemDetailMessages(), polled_methods(services)
    interceptor = CallInterceptor(guard, messages, log, tracing, metrics, polled)
    return GrpcServer(services, interceptor, keys.tls)


def _request_policy(service: str) -> RequestPolicy:
    """Return the policy of the paths that a process of a service serves; the gateway serves those of all."""
    if service == "gateway":
        return REQUEST_POLICY
    return merge_policies([health_kit.POLICY, module_of(service).POLICY])

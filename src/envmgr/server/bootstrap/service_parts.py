"""Parts of each service in a process of its own: module, gRPC methods, background work, peers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envmgr.server.app import module as app_module
from envmgr.server.app import rpc as app_rpc
from envmgr.server.app.api import routes as app_routes
from envmgr.server.audit import module as audit_module
from envmgr.server.audit import rpc as audit_rpc
from envmgr.server.audit.api.audit_log import routes as audit_routes
from envmgr.server.audit.service.truncation_check import TruncationCheck
from envmgr.server.deployment import module as deployment_module
from envmgr.server.deployment import rpc as deployment_rpc
from envmgr.server.deployment.api.deployments import routes as deployment_routes
from envmgr.server.gateway import module as gateway_module
from envmgr.server.gateway import rpc as gateway_rpc
from envmgr.server.version import module as version_module
from envmgr.server.version import rpc as version_rpc
from envmgr.server.version.api.versions import routes as version_routes
from envmgr.server.worker import module as worker_module
from envmgr.server.worker import rpc as worker_rpc
from envmgr.server.worker.service.background_work import BackgroundWork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envmgr.server.audit.service.checkpoint_destinations import CheckpointDestination
    from envmgr.server.bootstrap.peers import Peers
    from envmgr.server.contracts.ports.identity import DenialLog
    from envmgr.server.gateway.service.facade import Gateway
    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.grpc.call import PrincipalDirectory, RpcService
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.messaging.event_state import EventSource
    from envmgr.server.kit.runtime.service_module import ServiceModule
    from envmgr.server.kit.security.tokens import Keyring
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics
    from envmgr.server.kit.telemetry.request_info import Authenticator
    from envmgr.server.worker.service.worker import Worker


@dataclass(frozen=True, slots=True)
class Resources:
    """The dependencies of a service: its database, the bus, its keys, and the other services."""

    database: Database
    bus: Bus
    peers: Peers
    keyring: Keyring
    audit_key: bytes
    """The key that signs checkpoints; empty except in the audit service."""
    log: Log
    metrics: Metrics
    checkpoint_destination: CheckpointDestination | None = None
    """Where the audit service publishes checkpoints."""
    requests_per_minute: int = 0
    """Limit on the requests of each principal at the gateway; 0 is none."""


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """A service, connected; nothing is running yet."""

    module: ServiceModule
    rpc_services: Sequence[RpcService]
    background: BackgroundWork
    authenticator: Authenticator
    principals: PrincipalDirectory
    denials: DenialLog
    required_peers: tuple[str, ...] = ()
    """Services without which this one cannot do its work. No two require each other, so each can start first."""
    truncation_check: TruncationCheck | None = None
    gateway: Gateway | None = None
    admit: Callable[[Principal], None] | None = None
    """Counts a request of a principal. Raise TooManyRequests above the limit."""
    worker: Worker | None = None


def create_parts(service: str, resources: Resources) -> ServiceParts:
    """Create a service."""
    return _CREATE[service](resources)


def _parts(
    resources: Resources,
    module: ServiceModule,
    rpc_services: Sequence[RpcService],
    required_peers: tuple[str, ...] = (),
) -> ServiceParts:
    """Return the parts of a service that asks the gateway who may do what."""
    peers = resources.peers
    return ServiceParts(
        module=module,
        rpc_services=rpc_services,
        background=BackgroundWork(resources.bus, resources.log, resources.metrics),
        authenticator=peers.principals,
        principals=peers.principals,
        denials=peers.denials,
        required_peers=required_peers,
    )


def _app(resources: Resources) -> ServiceParts:
    peers, apps = resources.peers, app_module.make(resources.database)
    module = app_module.module(resources.database, apps, peers.versions, peers.deployments)
    return _parts(resources, module, [app_rpc.rpc_service(apps)])


def _version(resources: Resources) -> ServiceParts:
    peers = resources.peers
    versions = version_module.make(resources.database, peers.apps)
    module = version_module.module(resources.database, versions, peers.deployments)
    return _parts(resources, module, [version_rpc.rpc_service(versions)], ("app",))


def _deployment(resources: Resources) -> ServiceParts:
    peers = resources.peers
    deployments = deployment_module.make(resources.database, peers.versions, peers.apps)
    module = deployment_module.module(resources.database, deployments)
    return _parts(resources, module, [deployment_rpc.rpc_service(deployments)], ("app", "version"))


def _audit(resources: Resources) -> ServiceParts:
    audit = audit_module.make(resources.database, resources.audit_key, resources.checkpoint_destination)
    module = audit_module.module(resources.database, audit)
    sources: list[EventSource] = [module.outbox, *resources.peers.event_states.peers]
    check = TruncationCheck(audit, module.dead_letters, sources)
    return replace(_parts(resources, module, [audit_rpc.rpc_service(audit)]), truncation_check=check)


def _worker(resources: Resources) -> ServiceParts:
    """Create the worker, which counts the events of all services."""
    worker = worker_module.make(resources.database, resources.bus, resources.log, resources.metrics)
    module = worker_module.module(resources.database, worker)
    parts = _parts(resources, module, [worker_rpc.rpc_service(worker)])
    return replace(parts, background=worker, worker=worker)


def _gateway(resources: Resources) -> ServiceParts:
    """Create the gateway: identity is its own, all other routes call the services."""
    peers = resources.peers
    gateway = gateway_module.make(resources.database, resources.keyring, peers.apps)
    quota = gateway_module.make_quota(resources.database, resources.requests_per_minute)
    module = gateway_module.module(resources.database, gateway, quota)
    routes = [
        *app_routes(peers.apps, peers.versions, peers.deployments),
        *version_routes(peers.versions, peers.deployments),
        *deployment_routes(peers.deployments),
        *audit_routes(peers.audit),
        *module.routes,
    ]
    return ServiceParts(
        module=replace(module, routes=routes, begin_shutdown=peers.audit.close_streams),
        rpc_services=gateway_rpc.rpc_services(gateway),
        background=BackgroundWork(resources.bus, resources.log, resources.metrics),
        authenticator=gateway.authenticator,
        principals=gateway.authenticator,
        denials=gateway.denials,
        required_peers=("app", "version", "deployment", "audit"),
        gateway=gateway,
        admit=quota.admit if quota else None,
    )


_CREATE: Mapping[str, Callable[[Resources], ServiceParts]] = {
    "app": _app,
    "version": _version,
    "deployment": _deployment,
    "audit": _audit,
    "gateway": _gateway,
    "worker": _worker,
}

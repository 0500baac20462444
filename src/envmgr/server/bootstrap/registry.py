"""The services of the server, and what their modules declare together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.deployment import module as deployment_module
from envmgr.server.gateway import module as gateway_module
from envmgr.server.kit.config.service_settings import ServicePorts, ServiceRules
from envmgr.server.kit.http import health as health_kit
from envmgr.server.kit.http.request_policy import merge_policies
from envmgr.server.kit.openapi import document as openapi
from envmgr.server.version import module as version_module
from envmgr.server.worker import module as worker_module

if TYPE_CHECKING:
    from types import ModuleType

SERVICES = (app_module, version_module, deployment_module, audit_module, gateway_module, worker_module)
SERVICE_NAMES = tuple(service.NAME for service in SERVICES)
PORTS = {
    app_module.NAME: ServicePorts(http=8080, grpc=9080),
    version_module.NAME: ServicePorts(http=8081, grpc=9081),
    deployment_module.NAME: ServicePorts(http=8082, grpc=9082),
    audit_module.NAME: ServicePorts(http=8083, grpc=9083),
    worker_module.NAME: ServicePorts(http=8084, grpc=9084),
    gateway_module.NAME: ServicePorts(http=8000, grpc=9000),
}
"""The default ports of services that run in processes of their own."""

_WITH_CHANGES = (app_module.NAME, version_module.NAME, deployment_module.NAME, gateway_module.NAME)
"""The services whose requests change resources; those of audit only add to it."""
SERVICE_RULES = ServiceRules(
    ports=PORTS,
    owners={
        "ALM_ADMIN_PASSWORD": (gateway_module.NAME,),
        "ALM_REQUESTS_PER_MINUTE": (gateway_module.NAME,),
        "ALM_AUDIT_KEY": (audit_module.NAME,),
        "ALM_CHECKPOINT_URL": (audit_module.NAME,),
        "ALM_CHECKPOINT_TOKEN": (audit_module.NAME,),
        "ALM_REQUIRE_IF_MATCH": _WITH_CHANGES,
        "ALM_ALLOWED_ORIGINS": (*_WITH_CHANGES, audit_module.NAME),
    },
    key_variables={audit_module.NAME: "ALM_AUDIT_KEY"},
)
"""The settings that differ between services in processes of their own."""


def module_of(service: str) -> ModuleType:
    """Return the module of a service."""
    return next(module for module in SERVICES if service == module.NAME)


REQUEST_POLICY = merge_policies(
    [health_kit.POLICY, openapi.POLICY, *(service.POLICY for service in SERVICES)]
)

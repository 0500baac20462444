"""The services of the server, and what their modules declare together."""

from __future__ import annotations

from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.deployment import module as deployment_module
from envmgr.server.gateway import module as gateway_module
from envmgr.server.kit.http import health as health_kit
from envmgr.server.kit.http.request_policy import merge_policies
from envmgr.server.kit.openapi import document as openapi
from envmgr.server.version import module as version_module
from envmgr.server.worker import module as worker_module

SERVICES = (app_module, version_module, deployment_module, audit_module, gateway_module, worker_module)
SERVICE_NAMES = tuple(service.NAME for service in SERVICES)

REQUEST_POLICY = merge_policies(
    [health_kit.POLICY, openapi.POLICY, *(service.POLICY for service in SERVICES)]
)

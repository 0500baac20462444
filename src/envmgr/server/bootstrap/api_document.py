"""The OpenAPI document of all services."""

from __future__ import annotations

import os
from typing import Any

from envmgr.server.app import api as app_api
from envmgr.server.audit.api import audit_log as audit_api
from envmgr.server.bootstrap.registry import REQUEST_POLICY
from envmgr.server.deployment.api import deployments as deployment_api
from envmgr.server.gateway import api as gateway_api
from envmgr.server.kit.http import headers
from envmgr.server.kit.http import health as health_kit
from envmgr.server.kit.openapi import document as openapi
from envmgr.server.version.api import versions as version_api

OPENAPI_PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "openapi.json")
"""The committed OpenAPI document."""


class _StubService:
    """Placeholder for services when only their routes are needed."""

    def __getattr__(self, name: str) -> _StubService:
        return self


def openapi_document() -> bytes:
    """Return the OpenAPI document of all services."""
    stub: Any = _StubService()
    handlers = [
        *app_api.routes(stub, stub, stub),
        *version_api.routes(stub, stub),
        *(
            handler
            for api in (deployment_api, audit_api, gateway_api, health_kit)
            for handler in api.routes(stub)
        ),
    ]
    return openapi.serialize(
        openapi.build([*handlers, *openapi.routes(b"")], headers.API_VERSION.decode(), REQUEST_POLICY)
    )

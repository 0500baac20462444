"""The router of a process: the routes of services and of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.exceptions import HTTPException

from envmgr.server.bootstrap.api_document import OPENAPI_PATH
from envmgr.server.kit.common.problems import Problem
from envmgr.server.kit.http import health as health_kit
from envmgr.server.kit.http.errors import http_exception_handler, problem_handler
from envmgr.server.kit.http.json_body import StrictRequest
from envmgr.server.kit.http.options import options_handlers
from envmgr.server.kit.http.requests import check_request
from envmgr.server.kit.openapi import document as openapi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar import Response

    from envmgr.server.kit.http.health import Health
    from envmgr.server.kit.http.requests import HttpRequest
    from envmgr.server.kit.runtime.service_module import ServiceModule


def create_router(handlers: Sequence[Any]) -> Litestar:
    """Create the router of these handlers, with the common error handling."""
    return Litestar(
        [*options_handlers(handlers), *handlers],
        request_class=StrictRequest,
        before_request=check_request,
        exception_handlers={
            Problem: problem_handler,
            HTTPException: http_exception_handler,
            Exception: _reraise,
        },
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
    )


def system_routes(health: Health) -> list[Any]:
    """Return the routes of probes, metrics and the API description."""
    with open(OPENAPI_PATH, "rb") as file:
        described = file.read()
    return [*health_kit.routes(health), *openapi.routes(described)]


def probe_routes(health: Health) -> list[Any]:
    """Return the routes of probes and metrics."""
    return health_kit.routes(health)


def service_routes(modules: Sequence[ServiceModule]) -> list[Any]:
    """Return the routes of all services."""
    return [route for module in modules for route in module.routes]


def _reraise(_request: HttpRequest, error: Exception) -> Response[Any]:
    """Raise an unexpected error to the middleware, which logs it and sends a response."""
    raise error

"""Routes for tags with slashes, which look like path separators."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from litestar import Response, get, put
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import Tag
from envmgr.server.contracts.requests import VersionPut
from envmgr.server.kit.common.problems import InvalidFields, MethodNotAllowed, NotFound
from envmgr.server.kit.http.options import allow_header
from envmgr.server.kit.http.requests import HttpRequest

_Ref = Annotated[str, Parameter(min_length=1, max_length=100)]
_PATHS = [
    "/apps/{app:str}/versions/{first:str}/{rest:path}",
    "/apps/{app:str}/versions/{first:str}/lock/{rest:path}",
]
_PATH = re.compile(r"/apps/[^/]+/versions/(.+?)(/lock)?")


def slash_tag_routes(show: Any, register: Any, lock: Any) -> list[Any]:
    """Create handlers for tags with slashes from those without; OpenAPI documents each once."""

    @get(_PATHS, include_in_schema=False, opt=show.opt)
    async def show_slashed(request: HttpRequest, app: _Ref) -> Response[Any]:
        tag, is_lock = _extract_tag(request)
        handler = lock if is_lock else show
        _set_route_label(request, handler)
        response: Response[Any] = await handler.fn(request, app, tag)
        return response

    @put(_PATHS, include_in_schema=False, opt=register.opt)
    async def register_slashed(request: HttpRequest, app: _Ref, data: JSONBody[VersionPut]) -> Response[Any]:
        tag, is_lock = _extract_tag(request)
        if is_lock:
            raise MethodNotAllowed(
                "locks are created with their version", headers={"allow": allow_header({"GET"})}
            )
        _set_route_label(request, register)
        response: Response[Any] = await register.fn(request, app, tag, data)
        return response

    return [show_slashed, register_slashed]


def require_exact(request: HttpRequest) -> None:
    """Raise InvalidFields for leading, trailing or doubled slashes, which the framework drops."""
    _extract_tag(request)


def _extract_tag(request: HttpRequest) -> tuple[str, bool]:
    """Return the tag in a path as sent, and whether `/lock` follows."""
    path = unquote(request.scope["raw_path"].decode("latin-1"))
    match = _PATH.fullmatch(path)
    if match is None:
        raise NotFound(f"not found: {path}")
    try:
        return msgspec.convert(match[1], Tag), match[2] is not None
    except msgspec.ValidationError as error:
        raise InvalidFields("invalid fields", errors=[("path:tag", str(error))]) from None


def _set_route_label(request: HttpRequest, handler: Any) -> None:
    """Set the route that metrics report for the request."""
    scope: Any = request.scope
    (path,) = handler.paths
    scope["path_template"] = path.replace(":str", "")

"""OPTIONS handlers (RFC 9110, section 9.3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import HttpMethod, Response, route

from envmgr.server.kit.http.canonical_input import OPT_SLASHES_FROM

if TYPE_CHECKING:
    from collections.abc import Sequence


def options_handlers(handlers: Sequence[Any]) -> list[Any]:
    """Create OPTIONS handlers for all paths of these routes; the framework's own list one method each."""
    methods: dict[str, set[str]] = {}
    path_options: dict[str, dict[str, Any]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, set()).update(handler.http_methods)
            path_options[path] = {key: handler.opt[key] for key in handler.opt.keys() & {OPT_SLASHES_FROM}}
    return [
        _options_handler(path, allow_header(allowed), path_options[path]) for path, allowed in methods.items()
    ]


def allow_header(methods: set[str]) -> str:
    """Return the Allow header; GET implies HEAD."""
    heads = {"HEAD"} if "GET" in methods else set()
    return ", ".join(sorted({*methods, *heads, "OPTIONS"}))


def _options_handler(path: str, allow: str, path_options: dict[str, Any]) -> Any:
    @route(
        path,
        http_method=[HttpMethod.OPTIONS],
        status_code=204,
        include_in_schema=False,
        opt={"scope": None, **path_options},
    )
    async def show() -> Response[None]:
        return Response(None, status_code=204, headers={"allow": allow})

    return show

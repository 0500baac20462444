"""REST API of tool usage; tool names with slashes need a second route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, get_args
from urllib.parse import unquote

from litestar import Response, get
from litestar.params import Parameter
from msgspec import UNSET

from envmgr.server.contracts import workflows
from envmgr.server.contracts.fields import EnvironmentName
from envmgr.server.contracts.ports.versions import ToolQuery
from envmgr.server.contracts.resources import Usage
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import InvalidFields, NotFound
from envmgr.server.kit.http.canonical_input import OPT_SLASHES_FROM
from envmgr.server.kit.http.errors import problem_responses
from envmgr.server.kit.http.json_response import JsonResponse
from envmgr.server.kit.http.params import DEFAULT_PAGE_SIZE, Cursor, Limit
from envmgr.server.kit.http.requests import HttpRequest, request_context, require_known_params
from envmgr.server.kit.http.responses import next_link

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.deployments import Deployments
    from envmgr.server.contracts.ports.versions import Versions

_NAME = get_args(EnvironmentName)[1]
EnvironmentFilter = Annotated[
    str | None,
    Parameter(
        pattern=_NAME.pattern,
        max_length=_NAME.max_length,
        description="Filter by environment.",
    ),
]
MAX_TOOL_LENGTH = 200
ToolName = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=MAX_TOOL_LENGTH,
        schema_extra={"examples": ["nodejs"]},
        description="Tool name as in lock files: `nodejs`, or with `/` as `%2F`: `npm:@scope%2Fname`.",
    ),
]
Range = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=1_024,
        schema_extra={"examples": ["<20.11.1"]},
        description=(
            "As in `.envmgr`: `<20.11.1`, `>=3.11, <3.13`, `20 || 22`, `*`. Pre-releases match like any other "
            "version, including those of the bound of `<`, which precede it."
        ),
    ),
]
_READ_OPTIONS: dict[str, Any] = {
    "tags": ["versions"],
    "opt": {"scope": "versions:read", OPT_SLASHES_FROM: 1},
}
_PATH = re.compile("/tools/([^/]+(?:/[^/]+)*)/usage")


def routes(versions: Versions, deployments: Deployments) -> list[Any]:
    """Create the route handlers."""

    async def usage_response(
        request: HttpRequest, tool: str, spec: str, environment: str | None, paging: PageRequest
    ) -> Response[Usage]:
        query = ToolQuery(tool, spec, environment)
        result = await workflows.find_usage(versions, deployments, request_context(request), query, paging)
        headers = [] if result.next is UNSET else [(b"link", next_link(request, result.next).encode())]
        return JsonResponse(result, headers=headers)

    @get(
        "/tools/{tool:str}/usage",
        operation_id="toolUsage",
        summary="Find deployed versions affected by a tool version range",
        description=(
            "`matches`: deployed versions locked with a tool version in the range, sorted by tool version, "
            "oldest first; `unknown`: tool version not comparable with the range; `without_lock`: "
            "no lock file. `limit` applies to each list, `counts` are totals, and `cursor` continues all lists."
        ),
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def usage(
        request: HttpRequest,
        tool: ToolName,
        range: Range,  # noqa: A002 - as the query has it, so that errors name it so
        environment: EnvironmentFilter = None,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
    ) -> Response[Usage]:
        require_known_params(request, "range", "environment", "limit", "cursor")
        require_exact(request)
        return await usage_response(request, tool, range, environment, PageRequest(limit, cursor))

    @get(
        ["/tools/{first:str}/{rest:path}", "/tools/{first:str}/usage/{rest:path}"],
        include_in_schema=False,
        **_READ_OPTIONS,
    )
    async def usage_of_path(
        request: HttpRequest,
        range: Range,  # noqa: A002 - as the query has it, so that errors name it so
        environment: EnvironmentFilter = None,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
    ) -> Response[Usage]:
        # HTTP servers decode %2F in paths: this route serves tools with a slash in their name.
        require_known_params(request, "range", "environment", "limit", "cursor")
        tool = _extract_tool(request)
        return await usage_response(request, tool, range, environment, PageRequest(limit, cursor))

    return [usage, usage_of_path]


def require_exact(request: HttpRequest) -> None:
    """Raise NotFound for leading, trailing or doubled slashes, which the framework drops."""
    _extract_tool(request)


def _extract_tool(request: HttpRequest) -> str:
    """Return the tool in a path as sent; raise NotFound, InvalidFields."""
    raw = request.scope["raw_path"].decode("latin-1")
    match = _PATH.fullmatch(unquote(raw))
    if match is None or not raw.endswith("/usage"):
        raise NotFound("not found")
    if len(match[1]) > MAX_TOOL_LENGTH:
        raise InvalidFields(
            "invalid fields", errors=[("path:tool", f"must have at most {MAX_TOOL_LENGTH} characters")]
        )
    return match[1]

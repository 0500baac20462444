"""REST API of the audit log: read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import HeaderParameter, Parameter, QueryParameter
from litestar.response import Stream

from envmgr.server.audit.api import event_stream
from envmgr.server.audit.domain import filters
from envmgr.server.contracts.events import EVENTS
from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.contracts.resources import AuditEntry, Checkpoint, LogStats
from envmgr.server.kit.common.clock import parse_rfc3339
from envmgr.server.kit.common.preconditions import IMMUTABLE_ETAG
from envmgr.server.kit.common.problems import InvalidFields, Unauthenticated
from envmgr.server.kit.http.asgi import SCOPE_REAUTHENTICATE
from envmgr.server.kit.http.errors import problem_responses
from envmgr.server.kit.http.json_response import JsonResponse
from envmgr.server.kit.http.params import DEFAULT_PAGE_SIZE, Cursor, Limit, sort_param
from envmgr.server.kit.http.requests import (
    HttpRequest,
    idempotent_context,
    page_request,
    request_context,
    require_known_params,
)
from envmgr.server.kit.http.responses import page_response, resource_response, result_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from envmgr.server.contracts.ports.audit import Audit
    from envmgr.server.kit.common.context import Principal, RequestContext

DEFAULT_ENTRY_LIMIT = 100
_READ_OPTIONS: dict[str, Any] = {"tags": ["audit"], "opt": {"scope": "audit:read"}}
_ALREADY_SIGNED = ResponseSpec(
    Checkpoint, generate_examples=False, description="No new entries since the last checkpoint."
)
_TIMESTAMP_SCHEMA = {"format": "date-time"}

Seq = Annotated[int, Parameter(ge=1, le=MAX_SAFE_INTEGER, description="Entry sequence number.")]
Service = Annotated[str | None, Parameter(min_length=1, max_length=200)]
# Unknown types are refused by `domain.filters`, with a suggestion.
Actor = Annotated[
    str | None,
    Parameter(
        max_length=200,
        schema_extra={"pattern": filters.ACTOR_PATTERN, "minLength": 1, "examples": ["user:ada"]},
        description="Filter by actor: `user:ada`, `key:4`, `anonymous`.",
    ),
]
Type = Annotated[
    str | None,
    Parameter(max_length=200, schema_extra={"enum": sorted(EVENTS)}, description="Filter by event type."),
]
Resource = Annotated[
    str | None,
    Parameter(
        max_length=200,
        schema_extra={"pattern": filters.RESOURCE_PATTERN, "minLength": 1, "examples": ["app/7"]},
        description="Filter by resource and all below it: `app/7` with its versions and deployments, "
        "`app/7/version/42`, `environment/prod` (in any case).",
    ),
]
Sort = Annotated[str | None, sort_param("seq", "timestamp")]
SeqSort = Annotated[str | None, sort_param("seq")]
From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        max_length=40,
        schema_extra=_TIMESTAMP_SCHEMA,
        description="Events at or after this time (RFC 3339).",
    ),
]
To = Annotated[
    str | None,
    QueryParameter(
        name="to",
        max_length=40,
        schema_extra=_TIMESTAMP_SCHEMA,
        description="Events before this time (RFC 3339).",
    ),
]
LastEventId = Annotated[
    int | None,
    HeaderParameter(
        name="Last-Event-ID",
        gt=-1,
        le=MAX_SAFE_INTEGER,
        description="Resume the stream after this entry.",
    ),
]


@dataclass
class _StreamOperation(Operation):
    """OpenAPI operation that may also return an event stream."""

    def __post_init__(self) -> None:
        response = (self.responses or {})["200"]
        stream = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        if isinstance(response, OpenAPIResponse) and response.content is not None:
            response.content[event_stream.MEDIA_TYPE] = stream


def routes(audit: Audit) -> list[Any]:
    """Create the route handlers."""

    @get(
        "/audits",
        operation_id="listAudits",
        summary="List audit entries",
        description="Newest first; `sort=seq` starts with the oldest. With `from` or `to`, ordered by event time.",
        responses=problem_responses(),
        **_READ_OPTIONS,
    )
    async def listing(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        actor: Actor = None,
        event_type: Type = None,
        resource: Resource = None,
        source_service: Service = None,
        since: From = None,
        until: To = None,
    ) -> Response[list[AuditEntry]]:
        by_field = {
            "actor": actor,
            "event_type": event_type,
            "resource": resource,
            "source_service": source_service,
        }
        # A time range is not a field filter, but a known parameter.
        paging = page_request(request, limit, cursor, sort, **by_field, **dict.fromkeys(("from", "to")))
        filters.validate(actor=actor, event_type=event_type, resource=resource)
        span = _parse_timestamp(since, "?from"), _parse_timestamp(until, "?to")
        return page_response(request, await audit.list(request_context(request), paging, *span))

    @get(
        "/audits/{seq:int}",
        operation_id="getAudit",
        summary="Get an audit entry",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def show(request: HttpRequest, seq: Seq) -> Response[AuditEntry]:
        return resource_response(request, await audit.get(request_context(request), seq), IMMUTABLE_ETAG)

    @get(
        "/audit/events",
        operation_id="auditEvents",
        summary="Get the latest entries, or stream the audit log",
        description=(
            "The latest entries, newest first. With `Accept: text/event-stream`, new entries as "
            "server-sent events: each has its `seq` as id, and `Last-Event-ID` resumes after one. "
            "A stream ends when the credential expires or after 15 minutes; clients reconnect with `Last-Event-ID`."
        ),
        operation_class=_StreamOperation,
        responses=problem_responses(),
        **_READ_OPTIONS,
    )
    async def events(
        request: HttpRequest, limit: Limit = DEFAULT_ENTRY_LIMIT, last_event_id: LastEventId = None
    ) -> Response[list[AuditEntry]]:
        require_known_params(request, "limit")
        context = request_context(request)
        if last_event_id is None and "last-event-id" in request.headers:
            # The framework reads `null` as omitted where a number is optional; the stream would not resume.
            raise InvalidFields(
                "Last-Event-ID must be a sequence number",
                errors=[("header:Last-Event-ID", "the `seq` of an entry")],
            )
        if (
            request.accept.best_match(["application/json", event_stream.MEDIA_TYPE])
            != event_stream.MEDIA_TYPE
        ):
            return JsonResponse(list(await audit.newest(context, limit)))
        following = await _open_stream(audit, context, last_event_id, _permission_check(request))
        return cast("Response[list[AuditEntry]]", following)

    @get(
        "/audit/checkpoints",
        operation_id="listAuditCheckpoints",
        summary="List signed checkpoints",
        responses=problem_responses(),
        **_READ_OPTIONS,
    )
    async def checkpoints(
        request: HttpRequest, limit: Limit = DEFAULT_PAGE_SIZE, cursor: Cursor = None, sort: SeqSort = None
    ) -> Response[list[Checkpoint]]:
        paging = page_request(request, limit, cursor, sort)
        return page_response(request, await audit.checkpoints(request_context(request), paging))

    @post(
        "/audit/checkpoints",
        operation_id="signAudit",
        summary="Create a signed checkpoint",
        description="Admins only: 201 with a new checkpoint, or 200 with the latest one if nothing changed.",
        responses={200: _ALREADY_SIGNED, **problem_responses(409, 422)},
        **_READ_OPTIONS,
    )
    async def sign(request: HttpRequest) -> Response[Checkpoint]:
        require_known_params(request)
        return result_response(
            await audit.checkpoint(await idempotent_context(request)), "/audit/checkpoints"
        )

    @get(
        "/audit/stats",
        operation_id="getAuditStats",
        summary="Get the statistics of the audit log",
        description=(
            "Entries, signed entries, and events by service: recorded, missing, and recorded as lost. "
            "While `dead_letters` is not 0, the log lacks events that it could not record."
        ),
        responses=problem_responses(),
        **_READ_OPTIONS,
    )
    async def stats(request: HttpRequest) -> LogStats:
        require_known_params(request)
        return await audit.stats(request_context(request))

    return [listing, show, events, checkpoints, sign, stats]


def _permission_check(request: HttpRequest) -> Callable[[], Awaitable[bool]]:
    """Return a callable that checks whether the caller still has the permissions it had."""
    scope: Mapping[str, Any] = request.scope
    still: Callable[[], Awaitable[Principal]] = scope[SCOPE_REAUTHENTICATE]
    was = request_context(request).principal

    async def can_read() -> bool:
        try:
            return await still() == was
        except Unauthenticated:
            return False

    return can_read


async def _open_stream(
    audit: Audit, context: RequestContext, after: int | None, is_authorized: Callable[[], Awaitable[bool]]
) -> Stream:
    """Open a stream; errors are raised before the response starts."""
    newest = await audit.newest(context, 1)
    head = newest[0].seq if newest else 0
    if after is not None and after > head:
        raise InvalidFields(
            "Last-Event-ID is beyond the end of the log; is this the same server?",
            errors=[("header:Last-Event-ID", f"latest entry is {head}")],
        )
    entries = audit.follow(context, head if after is None else after)
    return Stream(
        event_stream.stream(entries, is_authorized),
        media_type=event_stream.MEDIA_TYPE,
        headers={"x-accel-buffering": "no"},
    )


def _parse_timestamp(text: str | None, pointer: str) -> int | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        expected = "expected RFC 3339 with a time zone, such as 2026-01-02T03:04:05Z"
        raise InvalidFields("invalid timestamp", errors=[(pointer, expected)]) from None

"""Problem documents (RFC 9457): the schema and the exception handlers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta, Struct

from envmgr.server.kit.common.problems import (
    BadRequest,
    InternalError,
    InvalidFields,
    MethodNotAllowed,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMedia,
)
from envmgr.server.kit.http.asgi import SCOPE_PROBLEM
from envmgr.server.kit.http.options import allow_header
from envmgr.server.kit.http.validation_messages import humanize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.kit.http.requests import HttpRequest

PROBLEM_JSON = "application/problem+json"

_MISSING_PARAM = re.compile(r"Missing required (query|header|cookie) parameter '([^']*)'")


class FieldError(Struct, frozen=True):
    """An invalid field."""

    pointer: Annotated[
        str,
        Meta(
            description="A JSON pointer into the body, `?name` of the query, or `header:Name`.",
            examples=["/artifacts/0/digest", "?limit"],
        ),
    ]
    detail: str


class Difference(Struct, frozen=True, omit_defaults=True):
    """A field of a request that differs from what is registered."""

    field: str
    existing: Annotated[
        str | None, Meta(description="Registered value; null if absent, omitted without the read scope.")
    ] = None
    submitted: Annotated[str | None, Meta(description="Value of this request; null if absent.")] = None


class ProblemDocument(Struct, frozen=True, omit_defaults=True):
    """An error as an RFC 9457 problem document."""

    type: Annotated[
        str,
        Meta(
            pattern="^/problems/[a-z0-9-]+$",
            description="Problem type URI.",
            examples=["/problems/not-found"],
        ),
    ]
    title: Annotated[str, Meta(description="Human-readable title.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="What went wrong and how to fix it.")]
    instance: Annotated[str, Meta(description="Request path; empty if it could not be parsed.")]
    errors: Annotated[
        tuple[FieldError, ...],
        Meta(description="Invalid fields, if any."),
    ] = ()
    existing_digest: Annotated[
        str, Meta(description="Digest of the registered content (`version-content-mismatch`).")
    ] = ""
    submitted_digest: Annotated[
        str, Meta(description="Digest of the submitted content, with `existing_digest`.")
    ] = ""
    differences: Annotated[
        tuple[Difference, ...],
        Meta(
            description="Fields that differ (`version-content-mismatch`, `already-exists`, "
            "`idempotency-key-reused`)."
        ),
    ] = ()
    allowed_statuses: Annotated[
        tuple[str, ...], Meta(description="Allowed next statuses (`invalid-transition`).")
    ] = ()
    active_deployment: Annotated[
        str, Meta(description="Path of the active deployment (`deployment-active`).")
    ] = ""
    active_deployment_status: Annotated[
        str, Meta(description="Status of the active deployment, with `active_deployment`.")
    ] = ""
    required_scope: Annotated[str, Meta(description="Missing scope (`forbidden`).")] = ""
    error: Annotated[str, Meta(description="OAuth error code (RFC 6749).")] = ""


_STATUS_DESCRIPTIONS = {
    400: "Malformed request or invalid fields.",
    401: "Missing or invalid credentials.",
    403: "Insufficient permissions.",
    404: "Not found.",
    408: "The request timed out.",
    409: "Conflict with the current state.",
    412: "If-Match did not match.",
    413: "Request body too large.",
    415: "Unsupported media type.",
    422: "Unprocessable request, or Idempotency-Key reused with a different request.",
    428: "If-Match is required.",
    429: "Too many requests.",
    503: "Temporarily unavailable; see Retry-After.",
}


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the OpenAPI responses for problems specific to an operation."""
    every = sorted({400, 401, 403, 503, *statuses})
    return {
        status: ResponseSpec(
            ProblemDocument,
            generate_examples=False,
            media_type=PROBLEM_JSON,
            description=_STATUS_DESCRIPTIONS[status],
        )
        for status in every
    }


def problem_handler(request: HttpRequest, problem: Problem) -> Response[dict[str, object]]:
    """Send a problem as a response."""
    scope: Any = request.scope
    scope[SCOPE_PROBLEM] = problem
    return Response(
        problem.document(request.url.path),
        status_code=problem.status,
        headers=problem.headers,
        media_type=PROBLEM_JSON,
    )


def http_exception_handler(request: HttpRequest, error: HTTPException) -> Response[dict[str, object]]:
    """Convert the framework's HTTP exceptions to problem responses."""
    return problem_handler(request, to_problem(error))


def to_problem(error: HTTPException) -> Problem:
    """Convert a framework exception to a problem."""
    if isinstance(error, ValidationException):
        errors = _pointers(error.extra) or _missing_param_errors(error.detail)
        return InvalidFields("invalid fields" if errors else error.detail, errors=errors)
    kind = _PROBLEM_BY_STATUS.get(error.status_code)
    if kind is None:
        return InternalError("internal error; search the server log for this request ID")
    headers = dict(error.headers or {})
    if "allow" in headers:
        headers["allow"] = allow_header(set(headers["allow"].split(", ")))
    return kind(error.detail, headers=headers)


_PROBLEM_BY_STATUS: dict[int, type[Problem]] = {
    400: BadRequest,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMedia,
}


def _missing_param_errors(detail: str) -> Sequence[tuple[str, str]]:
    """Return a field error for each missing parameter, which the framework names only in its message."""
    match = _MISSING_PARAM.match(detail)
    if match is None:
        return []
    source, key = match.groups()
    return [(f"?{key}" if source == "query" else f"{source}:{key}", "required")]


def _pointers(extra: object) -> Sequence[tuple[str, str]]:
    errors = extra if isinstance(extra, list) else []
    return [
        (_pointer(error), humanize(str(error.get("message", ""))))
        for error in errors
        if isinstance(error, dict)
    ]


def _pointer(error: Mapping[str, object]) -> str:
    """Return a JSON pointer (RFC 6901) into the body, or `?name` for a query parameter."""
    key = str(error.get("key", ""))
    if error.get("source") == "query":
        return f"?{key}"
    if (source := error.get("source")) in {"header", "cookie", "path"}:
        return f"{getattr(source, 'value', source)}:{key}"
    steps = re.findall(r"[^.\[\]]+", key.removeprefix("data"))
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)

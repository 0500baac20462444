"""Problem documents (RFC 9457): their schema, and exceptions turned into them."""

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
    """What is wrong with one field."""

    pointer: Annotated[
        str,
        Meta(
            description="A JSON pointer into the body, `?name` of the query, or `header:Name`.",
            examples=["/artifacts/0/digest", "?limit"],
        ),
    ]
    detail: str


class ProblemDocument(Struct, frozen=True, omit_defaults=True):
    """An error, as RFC 9457 has it."""

    type: Annotated[
        str,
        Meta(
            pattern="^/problems/[a-z0-9-]+$",
            description="Which kind it is.",
            examples=["/problems/not-found"],
        ),
    ]
    title: Annotated[str, Meta(description="The kind, in words.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="What was wrong with this request, and what can be done.")]
    instance: Annotated[str, Meta(description="The path that was asked for; empty where none could be read.")]
    errors: Annotated[
        tuple[FieldError, ...],
        Meta(description="Each field that holds what it cannot, where fields were wrong."),
    ] = ()
    existing_digest: Annotated[
        str, Meta(description="The digest of the content that is there (`version-content-mismatch`).")
    ] = ""
    submitted_digest: Annotated[
        str, Meta(description="The digest of the content that was sent, beside `existing_digest`.")
    ] = ""
    allowed_statuses: Annotated[
        tuple[str, ...], Meta(description="The statuses that can be next (`invalid-transition`).")
    ] = ()
    active_deployment: Annotated[
        str, Meta(description="The path of the deployment that is in the way (`deployment-active`).")
    ] = ""
    active_deployment_status: Annotated[
        str, Meta(description="The status of that deployment, beside `active_deployment`.")
    ] = ""
    required_scope: Annotated[str, Meta(description="The scope that is missing (`forbidden`).")] = ""
    error: Annotated[str, Meta(description="The kind, as OAuth names it, where tokens are refused.")] = ""


_STATUS_DESCRIPTIONS = {
    400: "The request cannot be read, or a field holds what it cannot.",
    401: "No valid credential came with the request.",
    403: "The credential does not allow this.",
    404: "There is no such thing.",
    408: "The request took too long to arrive.",
    409: "The request does not fit how things stand.",
    412: "The resource has changed since.",
    413: "The body is too large.",
    415: "The media type is not read here.",
    422: "The request makes no sense, or its Idempotency-Key stands for another one.",
    428: "This server asks for If-Match.",
    429: "Too many requests.",
    503: "Not available for now.",
}


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """Describe the problems that an operation may answer with, beside those that all may."""
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
    """Turn a leaf of the tree into an answer."""
    scope: Any = request.scope
    scope[SCOPE_PROBLEM] = problem
    return Response(
        problem.document(request.url.path),
        status_code=problem.status,
        headers=problem.headers,
        media_type=PROBLEM_JSON,
    )


def http_exception_handler(request: HttpRequest, error: HTTPException) -> Response[dict[str, object]]:
    """Turn what the framework says into an answer of ours."""
    return problem_handler(request, to_problem(error))


def to_problem(error: HTTPException) -> Problem:
    """Translate the framework's errors to leaves of the tree."""
    if isinstance(error, ValidationException):
        errors = _pointers(error.extra) or _missing_param_errors(error.detail)
        return InvalidFields("some fields hold what they cannot" if errors else error.detail, errors=errors)
    kind = _PROBLEM_BY_STATUS.get(error.status_code)
    if kind is None:
        return InternalError("something went wrong here; the log has it under this request's id")
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
    """Point at a parameter that was left out: the framework says so in words only."""
    found = _MISSING_PARAM.match(detail)
    if found is None:
        return []
    source, key = found.groups()
    return [(f"?{key}" if source == "query" else f"{source}:{key}", "it must be given")]


def _pointers(extra: object) -> Sequence[tuple[str, str]]:
    errors = extra if isinstance(extra, list) else []
    return [
        (_pointer(error), humanize(str(error.get("message", ""))))
        for error in errors
        if isinstance(error, dict)
    ]


def _pointer(error: Mapping[str, object]) -> str:
    """Spell where an error is: a JSON pointer (RFC 6901) into the body, or `?name` for a query parameter."""
    key = str(error.get("key", ""))
    if error.get("source") == "query":
        return f"?{key}"
    if (source := error.get("source")) in {"header", "cookie", "path"}:
        return f"{getattr(source, 'value', source)}:{key}"
    steps = re.findall(r"[^.\[\]]+", key.removeprefix("data"))
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)

"""Where HTTP meets the services: calls out of requests, answers out of values, problems out of errors."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta, Struct

from envmgr.server.kit.allowed import spelled
from envmgr.server.kit.call import Call, Idempotency
from envmgr.server.kit.paging import DEFAULT, MOST, Paging
from envmgr.server.kit.problems import (
    Bug,
    Forbidden,
    InvalidFields,
    Malformed,
    NotAllowed,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMedia,
)
from envmgr.server.kit.responses import Encoded
from envmgr.server.kit.wording import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.kit.answers import Answer
    from envmgr.server.kit.paging import Page

T = TypeVar("T")
CALL = "alm.call"
"""Where the door leaves the call in a request's scope."""
HEADERS = "alm.headers"
"""Where the door leaves the headers of a request, by their names."""
STILL = "alm.still"
"""Where the door leaves what says whose the request's credential is by now, or raises Unauthenticated."""
PROBLEM = "alm.problem"
"""Where the edge leaves the problem that it answered with, for the door to see."""
PROBLEM_JSON = "application/problem+json"
Asked = Request[Any, Any, Any]

Limit = Annotated[int, Parameter(ge=1, le=MOST, description="How many items at most.")]
Cursor = Annotated[
    str | None, Parameter(max_length=1000, description="From the `Link` header of the page before.")
]


def like(field: Any, description: str) -> Any:
    """Make of a field of the contract a parameter that holds the same: within `… | None`, it would be forgotten."""
    meta = get_args(field)[1]
    return Parameter(
        pattern=meta.pattern,
        max_length=meta.max_length,
        ge=meta.ge,
        le=meta.le,
        schema_extra={"examples": meta.examples} if meta.examples else None,
        description=description,
    )


def sortable(*fields: str) -> Any:
    """Make the parameter by which a list can be sorted: by these fields, which its `Listing` knows."""
    choices = [sign + field for field in fields for sign in ("", "-")]
    # What is none of these is refused where the list is read, which says which there are.
    return Parameter(
        max_length=40,
        schema_extra={"enum": choices},
        description="A field; with `-` before it, newest or highest first.",
    )


_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
_LEFT_OUT = re.compile(r"Missing required (query|header|cookie) parameter '([^']*)'")
_TAG = re.compile(r'(?:^|,)[ \t]*"([^"]*)"[ \t]*(?=,|$)')


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
        Meta(pattern="^/problems/[a-z0-9-]+$", description="Which kind it is.", examples=["/problems/stale"]),
    ]
    title: Annotated[str, Meta(description="The kind, in words.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="What was wrong with this request, and what can be done.")]
    instance: Annotated[str, Meta(description="The path that was asked for; empty where none could be read.")]
    errors: Annotated[
        tuple[FieldError, ...],
        Meta(description="Each field that holds what it cannot, where fields were wrong."),
    ] = ()
    have: Annotated[
        str, Meta(description="The digest of the content that is there (`version-content-mismatch`).")
    ] = ""
    sent: Annotated[str, Meta(description="The digest of the content that was sent, beside `have`.")] = ""
    steps: Annotated[
        tuple[str, ...], Meta(description="The statuses that can be next (`impossible-step`).")
    ] = ()
    active: Annotated[
        str, Meta(description="The path of the deployment that is in the way (`deployment-active`).")
    ] = ""
    active_status: Annotated[str, Meta(description="The status of that deployment, beside `active`.")] = ""
    needs: Annotated[str, Meta(description="The scope that is missing (`forbidden`).")] = ""
    error: Annotated[str, Meta(description="The kind, as OAuth names it, where tokens are refused.")] = ""


_MEANINGS = {
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


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Describe the problems that an operation may answer with, beside those that all may."""
    every = sorted({400, 401, 403, 503, *statuses})
    return {
        status: ResponseSpec(
            ProblemDocument, generate_examples=False, media_type=PROBLEM_JSON, description=_MEANINGS[status]
        )
        for status in every
    }


def call_of(request: Asked) -> Call:
    """Return who asks, with the condition (`If-Match`) that they make."""
    scope: Mapping[str, Any] = request.scope
    call: Call = scope[CALL]
    header = _header(request, b"if-match")
    if header is None or header == b"*":
        return call
    # Whatever else it holds, a weak tag too, is none that was ever given out.
    return msgspec.structs.replace(call, if_match=frozenset(_TAG.findall(header.decode("latin-1"))))


async def posted(request: Asked) -> Call:
    """Return who posts, with their Idempotency-Key."""
    call = call_of(request)
    header = _header(request, b"idempotency-key")
    if header is None:
        return call
    match = _KEY.fullmatch(header.decode("latin-1"))
    if match is None:
        raise Malformed(
            "an Idempotency-Key has 1 to 255 printable ASCII characters, in quotes or without blanks"
        )
    said = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    key = Idempotency(match[1] or match[2], hashlib.sha256(said).hexdigest())
    return msgspec.structs.replace(call, idempotency=key)


def paging_of(
    request: Asked,
    limit: int,
    cursor: str | None,
    sort: str | None,
    **filters: str | int | None,
) -> Paging:
    """Return which part of a list is asked for; a parameter that means nothing here is an error."""
    allow_only(request, "limit", "cursor", "sort", *filters)
    given = {name: value for name, value in filters.items() if value is not None}
    for name in set(request.query_params) & (set(filters) - set(given)):
        # The framework reads `null` where a number may be left out, and the filter would be lost.
        if str(request.query_params[name]).lower() == "null":
            raise InvalidFields("null is no value to look for", errors=[(f"?{name}", "leave it out for any")])
    return Paging(limit, cursor, sort, given)


def allow_only(request: Asked, *names: str) -> None:
    """Raise InvalidFields for query parameters other than these, and for empty ones: nobody means those."""
    empty = [name for name, value in request.query_params.items() if value == ""]
    if empty:
        raise InvalidFields(
            "some query parameters are empty",
            errors=[(f"?{name}", "give it a value, or leave it out") for name in empty],
        )
    names_given = [name for name, _ in request.query_params.multi_items()]
    doubled = sorted({name for name in names_given if names_given.count(name) > 1})
    if doubled:
        raise InvalidFields(
            "some query parameters come twice", errors=[(f"?{name}", "say it once") for name in doubled]
        )
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        choices = ", ".join(names) or "none"
        raise InvalidFields(
            "some query parameters mean nothing here",
            errors=[(f"?{name}", f"one of: {choices}") for name in unknown],
        )


def shown(request: Asked, value: T, state: str) -> Response[T]:
    """Show a resource and the name of its state; nothing but that to who has this state of it already."""
    tag = _tag(state)
    if _header(request, b"if-none-match") is not None and _has(_known(request), tag):
        return Encoded(None, 304, [(b"etag", tag)])
    return Encoded(value, headers=[(b"etag", tag)])


def _header(request: Asked, name: bytes) -> bytes | None:
    """Return what a header says; of one that came in several lines, the last."""
    scope: Mapping[str, Any] = request.scope
    value: bytes | None = scope[HEADERS].get(name)
    return value


def _known(request: Asked) -> bytes:
    """Return the tags of If-None-Match: a list, so that it may come in several lines."""
    return b",".join([line for name, line in request.scope["headers"] if name == b"if-none-match"])


def _tag(state: str) -> bytes:
    return f'"{state}"'.encode()


def _has(header: bytes, tag: bytes) -> bool:
    """Say whether a tag is among those of If-None-Match; what made it weak on its way does not count."""
    tags = {each.strip().removeprefix(b"W/") for each in header.split(b",")}
    return tag in tags or b"*" in tags


def answered(answer: Answer[T], location: str, state: str | None = None) -> Response[T]:
    """Answer with what a call created, or found."""
    headers = [] if state is None else [(b"etag", _tag(state))]
    if answer.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    if not answer.created:
        return Encoded(answer.value, headers=headers)
    return Encoded(answer.value, 201, [*headers, (b"location", location.encode())])


def listed(request: Asked, page: Page[T]) -> Response[list[T]]:
    """Answer with a page; the `Link` header says where the next one is."""
    headers = [(b"link", link(request, page.next).encode())] if page.next else []
    return Encoded(list(page.items), headers=headers)


def link(request: Asked, cursor: str) -> str:
    """Spell the `Link` to the page that begins at a cursor (RFC 8288)."""
    url = request.url.with_replacements(query=_query(request.query_params.dict(), cursor))
    return f'<{url.path}?{url.query}>; rel="next"'


async def permitted(request: Asked) -> None:
    """Let in who has the scope that an operation `needs`, before its body is looked at; None needs only a credential.

    For `before_request`: a guard of the framework does the same, but costs a copy of the handler each time.
    """
    scope: Mapping[str, Any] = request.scope
    call: Call | None = scope.get(CALL)
    if call is None:
        return
    needs = request.route_handler.opt["needs"]
    if needs is not None and needs not in call.principal.scopes:
        raise Forbidden(
            f"this needs the scope {needs}, which {call.principal.actor} does not have", needs=needs
        )


def answer_problem(request: Asked, problem: Problem) -> Response[dict[str, object]]:
    """Turn a leaf of the tree into an answer."""
    scope: Any = request.scope
    scope[PROBLEM] = problem
    return Response(
        problem.document(request.url.path),
        status_code=problem.status,
        headers=problem.headers,
        media_type=PROBLEM_JSON,
    )


def answer_http(request: Asked, error: HTTPException) -> Response[dict[str, object]]:
    """Turn what the framework says into an answer of ours."""
    return answer_problem(request, translated(error))


def translated(error: HTTPException) -> Problem:
    """Translate the framework's errors to leaves of the tree."""
    if isinstance(error, ValidationException):
        errors = _pointers(error.extra) or _missing(error.detail)
        return InvalidFields("some fields hold what they cannot" if errors else error.detail, errors=errors)
    kind = _KINDS.get(error.status_code)
    if kind is None:
        return Bug("something went wrong here; the log has it under this request's id")
    headers = dict(error.headers or {})
    if "allow" in headers:
        headers["allow"] = spelled(set(headers["allow"].split(", ")))
    return kind(error.detail, headers=headers)


_KINDS: dict[int, type[Problem]] = {
    400: Malformed,
    404: NotFound,
    405: NotAllowed,
    413: TooLarge,
    415: UnsupportedMedia,
}


def _missing(detail: str) -> Sequence[tuple[str, str]]:
    """Point at a parameter that was left out: the framework says so in words only."""
    found = _LEFT_OUT.match(detail)
    if found is None:
        return []
    source, key = found.groups()
    return [(f"?{key}" if source == "query" else f"{source}:{key}", "it must be given")]


def _pointers(extra: object) -> Sequence[tuple[str, str]]:
    errors = extra if isinstance(extra, list) else []
    return [
        (_pointer(error), in_words(str(error.get("message", ""))))
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


def _query(parameters: Mapping[str, object], cursor: str) -> str:
    from urllib.parse import urlencode

    return urlencode({**parameters, "cursor": cursor}, doseq=True)


__all__ = [
    "CALL",
    "DEFAULT",
    "HEADERS",
    "PROBLEM",
    "STILL",
    "Asked",
    "Cursor",
    "Limit",
    "allow_only",
    "answer_http",
    "answer_problem",
    "answered",
    "call_of",
    "like",
    "link",
    "listed",
    "paging_of",
    "permitted",
    "posted",
    "problems",
    "shown",
    "sortable",
]

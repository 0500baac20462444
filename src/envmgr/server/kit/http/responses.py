"""Response helpers: resources with ETags, created results, pages with links."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from envmgr.server.kit.http.json_response import JsonResponse
from envmgr.server.kit.http.requests import header_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar import Response

    from envmgr.server.kit.common.pages import Page
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.http.requests import HttpRequest

T = TypeVar("T")


def resource_response(request: HttpRequest, value: T, etag: str) -> Response[T]:
    """Return a resource with its ETag, or 304 if the client has it."""
    tag = _quote_etag(etag)
    if header_value(request, b"if-none-match") is not None and _is_etag_match(_if_none_match(request), tag):
        return JsonResponse(None, 304, [(b"etag", tag)])
    return JsonResponse(value, headers=[(b"etag", tag)])


def _if_none_match(request: HttpRequest) -> bytes:
    """Return the ETags of If-None-Match, which may be repeated."""
    return b",".join([line for name, line in request.scope["headers"] if name == b"if-none-match"])


def _quote_etag(etag: str) -> bytes:
    return f'"{etag}"'.encode()


def _is_etag_match(header: bytes, tag: bytes) -> bool:
    """Return whether an ETag matches If-None-Match, by weak comparison."""
    tags = {item.strip().removeprefix(b"W/") for item in header.split(b",")}
    return tag in tags or b"*" in tags


def result_response(result: Result[T], location: str, etag: str | None = None) -> Response[T]:
    """Return the response for a created (201) or existing (200) resource."""
    headers = [] if etag is None else [(b"etag", _quote_etag(etag))]
    if result.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    if not result.created:
        return JsonResponse(result.value, headers=headers)
    return JsonResponse(result.value, 201, [*headers, (b"location", location.encode())])


def page_response(request: HttpRequest, page: Page[T]) -> Response[list[T]]:
    """Return a page with a `Link` header to the next one."""
    headers = [(b"link", next_link(request, page.next).encode())] if page.next else []
    return JsonResponse(list(page.items), headers=headers)


def next_link(request: HttpRequest, cursor: str) -> str:
    """Return the `Link` header value for the next page (RFC 8288)."""
    url = request.url.with_replacements(query=_query(request.query_params.dict(), cursor))
    return f'<{url.path}?{url.query}>; rel="next"'


def _query(parameters: Mapping[str, object], cursor: str) -> str:
    return urlencode({**parameters, "cursor": cursor}, doseq=True)

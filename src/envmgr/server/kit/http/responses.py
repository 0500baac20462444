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
    """Show a resource and the name of its state; nothing but that to who has this state of it already."""
    tag = _quote_etag(etag)
    if header_value(request, b"if-none-match") is not None and _etag_matches(_if_none_match(request), tag):
        return JsonResponse(None, 304, [(b"etag", tag)])
    return JsonResponse(value, headers=[(b"etag", tag)])


def _if_none_match(request: HttpRequest) -> bytes:
    """Return the tags of If-None-Match: a list, so that it may come in several lines."""
    return b",".join([line for name, line in request.scope["headers"] if name == b"if-none-match"])


def _quote_etag(etag: str) -> bytes:
    return f'"{etag}"'.encode()


def _etag_matches(header: bytes, tag: bytes) -> bool:
    """Say whether a tag is among those of If-None-Match; what made it weak on its way does not count."""
    tags = {each.strip().removeprefix(b"W/") for each in header.split(b",")}
    return tag in tags or b"*" in tags


def result_response(result: Result[T], location: str, etag: str | None = None) -> Response[T]:
    """Answer with what a call created, or found."""
    headers = [] if etag is None else [(b"etag", _quote_etag(etag))]
    if result.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    if not result.created:
        return JsonResponse(result.value, headers=headers)
    return JsonResponse(result.value, 201, [*headers, (b"location", location.encode())])


def page_response(request: HttpRequest, page: Page[T]) -> Response[list[T]]:
    """Answer with a page; the `Link` header says where the next one is."""
    headers = [(b"link", next_link(request, page.next).encode())] if page.next else []
    return JsonResponse(list(page.items), headers=headers)


def next_link(request: HttpRequest, cursor: str) -> str:
    """Spell the `Link` to the page that begins at a cursor (RFC 8288)."""
    url = request.url.with_replacements(query=_query(request.query_params.dict(), cursor))
    return f'<{url.path}?{url.query}>; rel="next"'


def _query(parameters: Mapping[str, object], cursor: str) -> str:
    return urlencode({**parameters, "cursor": cursor}, doseq=True)

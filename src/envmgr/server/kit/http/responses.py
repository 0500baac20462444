"""Response helpers: resources with ETags, created results, pages with links."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from envmgr.server.kit.http.json_response import Encoded
from envmgr.server.kit.http.requests import header_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar import Response

    from envmgr.server.kit.common.results import Answer
    from envmgr.server.kit.db.pagination import Page
    from envmgr.server.kit.http.requests import Asked

T = TypeVar("T")


def shown(request: Asked, value: T, state: str) -> Response[T]:
    """Show a resource and the name of its state; nothing but that to who has this state of it already."""
    tag = _tag(state)
    if header_value(request, b"if-none-match") is not None and _has(_known(request), tag):
        return Encoded(None, 304, [(b"etag", tag)])
    return Encoded(value, headers=[(b"etag", tag)])


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


def _query(parameters: Mapping[str, object], cursor: str) -> str:
    return urlencode({**parameters, "cursor": cursor}, doseq=True)

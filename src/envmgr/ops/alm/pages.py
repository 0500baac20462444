"""Paginated lists, up to a limit."""

from __future__ import annotations

from itertools import islice

from envmgr.alm.client.fields import require_object
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

MAX_PAGE_SIZE = 200
"""The server's maximum."""


@frozen
class ListResult:
    """The first items of a list; `more`: the list has others."""

    items: tuple[Document, ...]
    more: bool


def fetch(api: Api, path: str, query: Mapping[str, object], limit: int) -> ListResult:
    """Return the first items of a list, newest first unless the query sorts them; limit 0 is all."""
    parameters = {name: value for name, value in query.items() if value not in {None, ""}}
    page_query = {**parameters, "limit": min(limit + 1, MAX_PAGE_SIZE) if limit else MAX_PAGE_SIZE}
    items = api.items(path, page_query)
    fetched = tuple(require_object(item) for item in (islice(items, limit + 1) if limit else items))
    return ListResult(fetched[:limit] if limit else fetched, bool(limit) and len(fetched) > limit)

"""Lists of the server's: so many of them, and whether there are more."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import require_object
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

MAX_PAGE_SIZE = 200
"""The most that the server gives at once."""


@frozen
class ListResult:
    """What was asked for of a list; `more`: it goes on."""

    items: tuple[Document, ...]
    more: bool


def fetch(api: Api, path: str, query: Mapping[str, object], limit: int) -> ListResult:
    """Return the first items of a list, newest first unless the query sorts them; 0 is all of them."""
    given = {name: value for name, value in query.items() if value not in {None, ""}}
    asked = {**given, "limit": min(limit + 1, MAX_PAGE_SIZE) if limit else MAX_PAGE_SIZE}
    items = api.items(path, asked)
    found = tuple(require_object(one) for one in (islice(items, limit + 1) if limit else items))
    return ListResult(found[:limit] if limit else found, bool(limit) and len(found) > limit)

"""Pages of lists, as values: a request for a page, and the page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 200


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Size, cursor, order and filters of a page; `sort` is a field, with `-` for descending order."""

    limit: int = DEFAULT_PAGE_SIZE
    cursor: str | None = None
    sort: str | None = None
    filters: Mapping[str, str | int] = field(default_factory=dict)

    def with_folded(self, name: str) -> PageRequest:
        """Return this request with the case-folded value of a filter, if it has that filter."""
        value = self.filters.get(name)
        return self if value is None else self.with_filters(**{name: str(value).casefold()})

    def with_filters(self, **filters: str | int) -> PageRequest:
        """Return this request with filters added or replaced."""
        return replace(self, filters={**self.filters, **filters})


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items of a list, and the cursor of the next page, if any."""

    items: Sequence[T]
    next: str | None = None

"""Lists in messages."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_ITEMS = 5


def shorten_list(names: Iterable[str]) -> str:
    """Return the first names with commas, and the number of the others: `a, b, c, d, e and 2 more`."""
    items = list(names)
    more = len(items) - MAX_ITEMS
    return ", ".join(items[:MAX_ITEMS]) + (f" and {more} more" if more > 0 else "")

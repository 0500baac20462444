"""Confirmations that operations request from their caller."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Confirm = Callable[[str], bool]
    """A function that returns whether the user agrees to a question."""


def decline_all(_question: str) -> bool:
    """Return False for every question, as a caller without a terminal does."""
    return False

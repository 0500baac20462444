"""What somebody may have meant by a word that is not known."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 100
LIKENESS = 0.6


def closest(word: str, candidates: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Return the candidates most like a word, likest first; none if nothing is like it."""
    from difflib import get_close_matches

    by_folded: dict[str, str] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.casefold(), candidate)
    near = get_close_matches(word[:LONGEST].casefold(), by_folded, most, LIKENESS)
    return tuple(by_folded[folded] for folded in near)

"""Suggestions for unknown words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_WORD_LENGTH = 100
LIKENESS = 0.6


def closest(word: str, candidates: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Return the candidates similar to a word, most similar first.

    Of candidates that differ in letter case only, the closest in case is returned.
    """
    from difflib import SequenceMatcher, get_close_matches

    word = word[:MAX_WORD_LENGTH]
    by_folded: dict[str, list[str]] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.casefold(), []).append(candidate)
    similar = get_close_matches(word.casefold(), by_folded, limit, LIKENESS)
    return tuple(
        max(by_folded[folded], key=lambda candidate: SequenceMatcher(None, candidate, word).ratio())
        for folded in similar
    )

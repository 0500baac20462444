"""Suggestions for unknown words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_WORD_LENGTH = 100
"""Characters of a word that is compared."""
MAX_DISTANCE = 3
LETTERS_PER_EDIT = 3
"""Letters of a word for each letter that may differ, so that short words have no far suggestions."""


def closest(word: str, candidates: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Return the candidates near a word, nearest first; a package is near by its short name too.

    Of candidates that differ in letter case only, the closest in case is returned.
    """
    if len(word) > MAX_WORD_LENGTH:
        return ()
    bound = min(max(len(word) // LETTERS_PER_EDIT, 1), MAX_DISTANCE) if len(word) > 1 else 0
    by_folded: dict[str, tuple[int, int, str]] = {}
    for candidate in candidates:
        distance = min(_distance(word.casefold(), form.casefold(), bound) for form in _forms(candidate))
        if distance <= bound:
            ranked = (distance, _distance(word, candidate, MAX_WORD_LENGTH), candidate)
            folded = candidate.casefold()
            by_folded[folded] = min(ranked, by_folded.get(folded, ranked), key=lambda item: item[:2])
    nearest = sorted(by_folded.values(), key=lambda item: item[0])
    return tuple(candidate for _, _, candidate in nearest[:limit])


def _forms(candidate: str) -> set[str]:
    """Return a name, and the package's name of `pypi:ruff`, `npm:@scope/name` and `github:cli/cli`."""
    package = candidate.rpartition(":")[2]
    return {candidate, package, package.rpartition("/")[2]} if ":" in candidate else {candidate}


def _distance(a: str, b: str, bound: int) -> int:
    """Return the number of letters to insert, delete, replace or swap; above `bound` any larger number."""
    if abs(len(a) - len(b)) > bound:
        return bound + 1
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    rows[0] = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        rows[i][0] = i
        for j in range(1, len(b) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            )
            if i > 1 and j > 1 and a[i - 2 : i] == b[j - 1] + b[j - 2]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]

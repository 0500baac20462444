"""Gaps in sequence numbers."""

from __future__ import annotations

from bisect import bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal


class SequenceTracker:
    """Sequence numbers from 1, in any order; memory grows with the gaps only."""

    def __init__(self, last: int = 0) -> None:
        self.last = last
        """The largest number so far."""
        self._lows: list[int] = []
        self._highs: list[int] = []

    def add(self, number: int) -> Literal["next", "ahead", "late", "again"]:
        """Add a number and return its kind: `ahead` opens a gap, `late` closes part of one."""
        if number <= self.last:
            return "late" if self._fill(number) else "again"
        expected, self.last = self.last + 1, number
        if number == expected:
            return "next"
        self._lows.append(expected)
        self._highs.append(number - 1)
        return "ahead"

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Return the gaps as ranges: first and last missing number."""
        return zip(self._lows, self._highs, strict=True)

    def _fill(self, number: int) -> bool:
        index = bisect_right(self._lows, number) - 1
        if index < 0 or number > self._highs[index]:
            return False
        low, high = self._lows[index], self._highs[index]
        remaining = [(a, b) for a, b in ((low, number - 1), (number + 1, high)) if a <= b]
        self._lows[index : index + 1] = [a for a, _ in remaining]
        self._highs[index : index + 1] = [b for _, b in remaining]
        return True


def subtract_ranges(
    ranges: Iterable[tuple[int, int]], removed: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield what remains of ranges without others; both ends of each are included."""
    cuts = sorted(removed)
    for low, high in ranges:
        start = low
        for first, last in cuts:
            if last < start or first > high:
                continue
            if first > start:
                yield start, first - 1
            start = last + 1
        if start <= high:
            yield start, high

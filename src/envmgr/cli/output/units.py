"""Formatting of sizes, durations and counts."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

KIBI = 1024
_UNITS = ("KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """Format a number of bytes in a suitable unit."""
    if count < KIBI:
        return f"{count:.0f} B"
    amount, unit = _scale(count)
    return f"{amount:.1f} {unit}"


def part(count: float, total: float) -> str:
    """Format bytes done of a total, both in the total's unit."""
    if total < KIBI:
        return f"{count:.0f}/{total:.0f} B"
    amount, unit = _scale(total)
    return f"{count * amount / total:.1f}/{amount:.1f} {unit}"


def _scale(count: float) -> tuple[float, str]:
    amount = count / KIBI
    for unit in _UNITS[:-1]:
        if amount < KIBI - 0.05:  # 1023.96 would be printed as 1024.0
            return amount, unit
        amount /= KIBI
    return amount, _UNITS[-1]


def duration(seconds: int) -> str:
    """Format a duration as settings are written: 0s, 90s, 24h, 7d."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def abbreviate_names(names: Sequence[str], limit: int = 3) -> str:
    """Format names, those after the first few as a count: a, b, c and 2 more."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def count_of(number: int, noun: str) -> str:
    """Format a count: 1 tool, 2 tools."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

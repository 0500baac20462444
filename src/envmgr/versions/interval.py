"""Intervals of versions, as comparators match them."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.versions.errors import SpecError
from envmgr.versions.ordering import BOTTOM, MAX_NUMBER, NO_POST, TOP, after, rank, release
from envmgr.versions.version import FULL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.versions.ordering import Rank
    from envmgr.versions.version import Version


@frozen
class Interval:
    """Versions from `floor` to below `ceiling`; `prerelease_floor` applies if pre-releases are included."""

    floor: Rank
    ceiling: Rank
    prerelease_floor: Rank

    def __contains__(self, version: Version) -> bool:
        """Return whether a version is in the interval, pre-releases included."""
        return self.prerelease_floor <= version.rank < self.ceiling


@frozen
class Operand:
    """The operand of a comparator; `wild` if it ends in `x`."""

    version: Version
    wild: bool = False

    @property
    def is_short(self) -> bool:
        """Return whether this is a prefix of versions."""
        return self.wild or (len(self.version.numbers) < FULL and not self.version.has_suffix)

    @property
    def start(self) -> Rank:
        """Return the bound below this version's pre-releases."""
        return self.version.rank[:2]

    @property
    def opened(self) -> tuple[int, ...] | None:
        """Return the release of this pre-release."""
        return release(self.version.numbers) if self.version.pre else None


ALL = Interval(BOTTOM, TOP, BOTTOM)
EMPTY = Interval(TOP, BOTTOM, TOP)
FROM = "-"
"""Operator of a hyphen range's lower bound; the upper bound is `<=`."""
OPERATORS = frozenset({"", "^", "~", "~>", ">", ">=", "<", "<=", "=", "=="})


def interval(operator: str, operand: Operand, prerelease_releases: frozenset[tuple[int, ...]]) -> Interval:
    """Return a comparator's interval; `prerelease_releases` are releases with requested pre-releases."""
    if not operand.version.numbers:
        return EMPTY if operator in {"<", ">"} else ALL
    if operator == "<":
        return _below(operand, prerelease_releases)
    return _INTERVALS[operator](operand)


def intersect(a: Interval, b: Interval) -> Interval:
    """Return the intersection of two intervals."""
    return Interval(
        max(a.floor, b.floor), min(a.ceiling, b.ceiling), max(a.prerelease_floor, b.prerelease_floor)
    )


def exactly(operand: Operand) -> Interval:
    """Return the interval of one version, with any build."""
    rank = operand.version.rank
    return Interval(rank, after(rank), rank)


def _from(operand: Operand) -> Interval:
    """Return the lower bound of a hyphen range: unlike `>=`, with its pre-releases."""
    rank = operand.version.rank
    return Interval(rank, TOP, rank if operand.version.pre else operand.start)


def _at_least(operand: Operand) -> Interval:
    rank = operand.version.rank
    return _from(operand) if operand.is_short else Interval(rank, TOP, rank)


def _above(operand: Operand) -> Interval:
    if operand.is_short:
        numbers = _bump(operand, -1)
        return Interval(rank(numbers, NO_POST, ()), TOP, (numbers,))
    floor = after(operand.version.rank)
    return Interval(floor, TOP, floor)


def _below(operand: Operand, prerelease_releases: frozenset[tuple[int, ...]]) -> Interval:
    """Return an upper bound without its pre-releases, unless the set names some of them."""
    rank = operand.version.rank
    is_named = operand.version.pre or (not operand.is_short and rank[0] in prerelease_releases)
    return Interval(BOTTOM, rank if is_named else operand.start, BOTTOM)


def _at_most(operand: Operand) -> Interval:
    if operand.is_short:
        return _up_to(ALL, operand, -1)
    return Interval(BOTTOM, after(operand.version.rank), BOTTOM)


def _prefix(operand: Operand) -> Interval:
    return _up_to(_at_least(operand), operand, -1)


def _bare(operand: Operand) -> Interval:
    return exactly(operand) if operand.version.has_suffix else _prefix(operand)


def _equal(operand: Operand) -> Interval:
    return _prefix(operand) if operand.is_short else exactly(operand)


def _identical(operand: Operand) -> Interval:
    return _prefix(operand) if operand.wild else exactly(operand)


def _caret(operand: Operand) -> Interval:
    numbers = operand.version.numbers
    return _compatible(operand, next((i for i, n in enumerate(numbers) if n), -1))


def _tilde(operand: Operand) -> Interval:
    return _compatible(operand, 1 if len(operand.version.numbers) > 1 else 0)


def _compatible(operand: Operand, index: int) -> Interval:
    if operand.version.numbers[index] >= MAX_NUMBER:
        raise SpecError(operand.version.text, "no next version: a number is at its limit")
    return _up_to(_at_least(operand), operand, index)


def _up_to(lower: Interval, operand: Operand, index: int) -> Interval:
    """Return an upper bound at the next version of a position, without its pre-releases."""
    return Interval(lower.floor, (_bump(operand, index),), lower.prerelease_floor)


def _bump(operand: Operand, index: int) -> tuple[int, ...]:
    numbers = operand.version.numbers
    return (*numbers[:index], numbers[index] + 1)


_INTERVALS: dict[str, Callable[[Operand], Interval]] = {
    "": _bare,
    "=": _equal,
    "==": _identical,
    "^": _caret,
    "~": _tilde,
    "~>": _tilde,
    ">": _above,
    ">=": _at_least,
    "<=": _at_most,
    FROM: _from,
}

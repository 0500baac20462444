"""Specs: parsed version requests."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.versions.comparator import OPERATOR_CHARACTERS, check, read_comparators
from envmgr.versions.errors import SpecError
from envmgr.versions.interval import ALL, Interval, exactly, intersect, interval
from envmgr.versions.ordering import build_rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.versions.comparator import Comparator
    from envmgr.versions.ordering import Rank

_REMEMBERED = 4_096
_cache: dict[tuple[str, tuple[str, ...]], Spec] = {}


@frozen
class Alternative:
    """One side of `||`.

    `first` is preferred to the rest of `interval` (1.2.3 to 1.2.3.4), `prerelease_releases` are releases with requested
    pre-releases, `builds` are the accepted builds, in addition to none.
    """

    vendor: str = ""
    variant: str = ""
    interval: Interval = ALL
    first: Interval | None = None
    prerelease_releases: frozenset[tuple[int, ...]] = frozenset()
    builds: tuple[Rank, ...] = ()


@frozen
class Spec:
    """A version request; `exact` if it names one version."""

    text: str
    alternatives: tuple[Alternative, ...]
    exact: bool = False


def parse_spec(text: str, variants: tuple[str, ...] = ()) -> Spec:
    """Parse a spec (memoized); raise SpecError quoting the invalid part."""
    cached = _cache.get((text, variants))
    if cached:
        return cached
    check(text)
    sets = [read_comparators(part, variants) for part in text.split("||")]
    exact = len(sets) == 1 and len(sets[0]) == 1 and sets[0][0].is_exact
    spec = Spec(text, tuple(dict.fromkeys(map(_alternative, sets))), exact)
    if len(_cache) >= _REMEMBERED:
        _cache.clear()
    _cache[text, variants] = spec
    return spec


def is_exact(text: str, variants: tuple[str, ...] = ()) -> bool:
    """Return whether a text requests one full version; words and invalid specs do not."""
    try:
        return parse_spec(text, variants).exact
    except ValueError:
        return False


def split_requests(text: str) -> tuple[str, ...]:
    """Split the value of an `.envmgr` line into specs: a comma separates unless an operator follows."""
    requests: list[str] = []
    for part in text.split(","):
        piece = part.strip(" \t")
        if requests and piece.startswith(tuple(OPERATOR_CHARACTERS)):
            requests[-1] += f", {piece}"
        else:
            requests.append(piece)
    if "" in requests:
        raise SpecError(text, "empty version")
    return tuple(requests)


def _alternative(comparators: tuple[Comparator, ...]) -> Alternative:
    versions = [comparator.operand.version for comparator in comparators]
    opened = frozenset(c.operand.opened for c in comparators if c.operand.opened is not None)
    intervals = [interval(c.operator, c.operand, opened) for c in comparators]
    wide = _intersect_all(intervals)
    return Alternative(
        vendor=_only("vendor", [(version.vendor, version.text) for version in versions]),
        variant=_only("variant", [(version.variant, version.text) for version in versions]),
        interval=wide,
        first=_first(comparators, wide),
        prerelease_releases=opened,
        builds=tuple(build_rank(c.operand.version.build) for c in comparators if _has_build(c)),
    )


def _intersect_all(intervals: Iterable[Interval]) -> Interval:
    met = ALL
    for operand_interval in intervals:
        met = intersect(met, operand_interval)
    return met


def _first(comparators: tuple[Comparator, ...], broad_interval: Interval) -> Interval | None:
    full = [c.operand for c in comparators if c.operator == "" and c.is_exact]
    return intersect(broad_interval, _intersect_all(map(exactly, full))) if full else None


def _has_build(comparator: Comparator) -> bool:
    operand = comparator.operand
    return comparator.operator in {"", "=", "=="} and bool(operand.version.build) and not operand.wild


def _only(kind: str, names: Iterable[tuple[str, str]]) -> str:
    """Return the only name in a set, in its first spelling, or empty; each name comes with its operand."""
    first = ""
    for name, operand in names:
        if first and name.lower() not in {"", first.lower()}:
            raise SpecError(operand, f"two {kind} values, {first} and {name}")
        first = first or name
    return first

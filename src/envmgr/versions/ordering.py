"""Version precedence: parts of versions as comparable tuples.

Identifiers follow SemVer 11.4 (https://semver.org/#spec-item-11), but for known words: `rc10` is `rc` and 10.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Rank = tuple[tuple[object, ...], ...]

KNOWN_WORDS = frozenset({
    "alpha", "beta", "rc", "cr", "preview", "pre", "dev", "milestone", "m", "nightly", "canary", "next", "snapshot",
    "experimental", "exp", "insiders", "ea", "eap", "test", "a", "b", "c",
})  # fmt: skip
MAX_NUMBER = 2**53 - 1
NO_POST = (0, 0, "", 0)
FINAL = ((2, 0, ""),)
BOTTOM: Rank = ((),)
"""Rank below every version and above opaque names, whose rank is empty."""
TOP: Rank = ((MAX_NUMBER + 1,),)

_REMEMBERED = 1_024
_ranks: dict[str, tuple[tuple[int, int, str], ...]] = {}


def release(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Return numbers without trailing zeros, so that 1.22 and 1.22.0 are equal."""
    end = len(numbers)
    while end and not numbers[end - 1]:
        end -= 1
    return numbers[:end]


def level(number: int, part: int = 0) -> tuple[int, int, str, int]:
    """Return the rank of a patch level (`p648`) or of a vendor's build number (`-b1504.8`)."""
    return (1, number, "", part)


def letters_rank(word: str, number: int = 0) -> tuple[int, int, str, int]:
    """Return the rank of letters after a release: shorter first (`z` < `za`)."""
    return (2, len(word), word, number)


def rank(numbers: tuple[int, ...], post: tuple[int, int, str, int], pre: tuple[str, ...]) -> Rank:
    """Return the rank of a version among those of its vendor."""
    return (release(numbers), post, tuple(_pre_ranks(pre)) if pre else FINAL)


def after(bound: Rank) -> Rank:
    """Return the lowest rank above a version."""
    return (*bound, ())


def build_rank(build: tuple[str, ...]) -> Rank:
    """Return the rank of build metadata: none is lowest, numbers are numeric."""
    return tuple(map(_identifier, build))


def _pre_ranks(identifiers: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    for identifier in identifiers:
        yield from _ranks.get(identifier) or _learn_ranks(identifier)


def _learn_ranks(identifier: str) -> tuple[tuple[int, int, str], ...]:
    """Return the one or two ranks of an identifier (memoized): most versions of a tool have the same few."""
    if len(_ranks) >= _REMEMBERED:
        _ranks.clear()
    _ranks[identifier] = ranks = _ranks_of(identifier)
    return ranks


def _ranks_of(identifier: str) -> tuple[tuple[int, int, str], ...]:
    word, digits = _split(identifier)
    if word.lower() not in KNOWN_WORDS:
        return (_identifier(identifier),)
    word_rank = (1, 0, word.lower())
    return (word_rank, (0, int(digits), "")) if digits else (word_rank,)


def _split(identifier: str) -> tuple[str, str]:
    word = identifier.rstrip("0123456789")
    digits = identifier[len(word) :]
    return (word.removesuffix("-") if digits else word), digits


def _identifier(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)

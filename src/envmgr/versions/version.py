"""Versions: parsing and order."""

from __future__ import annotations

from envmgr.kit.frozen import frozen, replace
from envmgr.versions.ordering import (
    FINAL,
    MAX_NUMBER,
    NO_POST,
    build_rank,
    letters_rank,
    level,
    rank,
    release,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from re import Match

    from envmgr.versions.ordering import Rank

LIMIT = 256
FULL = 3
"""Numbers of a full version; fewer are a prefix in a spec."""
_REMEMBERED = 16_384
_cache: dict[tuple[str, ...], dict[str, Version]] = {}


@frozen
class Version:
    """A release of a tool, or an opaque name (`master`), which matches only itself.

    `vendor` and `variant` may be empty; `numbers` are as written, `rank` orders the versions of one vendor and is empty
    for an opaque name.
    """

    text: str
    rank: Rank = ()
    vendor: str = ""
    variant: str = ""
    numbers: tuple[int, ...] = ()
    post: tuple[int, int, str, int] = NO_POST
    pre: tuple[str, ...] = ()
    build: tuple[str, ...] = ()

    @property
    def is_opaque(self) -> bool:
        """Return whether this is an opaque name."""
        return not self.rank

    @property
    def is_prerelease(self) -> bool:
        """Return whether this is a pre-release."""
        return bool(self.pre)

    @property
    def has_suffix(self) -> bool:
        """Return whether this has more than numbers, builds aside."""
        return self.post != NO_POST or bool(self.pre)

    @property
    def precedence(self) -> tuple[bool, str, Rank]:
        """Return the key of `compare`: opaque names first, then by vendor."""
        return (True, self.vendor, self.rank) if self.rank else (False, self.text, ())

    @property
    def key(self) -> tuple[tuple[bool, str, Rank], Rank]:
        """Return the sort key: precedence, then build."""
        return (self.precedence, build_rank(self.build))


def parse(text: str, variants: tuple[str, ...] = ()) -> Version:
    """Parse a version; invalid text, or more than 256 characters, is an opaque name."""
    cached = _cache.get(variants)
    if cached is None:
        cached = _cache[variants] = {}
    return cached.get(text) or _learn(text, variants, cached)


def parse_all(texts: Iterable[str], variants: tuple[str, ...] = ()) -> list[Version]:
    """Parse versions (memoized)."""
    cached = _cache.setdefault(variants, {})
    find = cached.get
    return [find(text) or _learn(text, variants, cached) for text in texts]


def compare(a: str, b: str) -> int:
    """Return -1, 0 or 1 for a lower, equal or higher version, builds ignored."""
    first, second = parse(a).precedence, parse(b).precedence
    return (first > second) - (first < second)


def compare_build(a: str, b: str) -> int:
    """Compare two versions, equal ones by their builds."""
    first, second = parse(a).key, parse(b).key
    return (first > second) - (first < second)


def sort(versions: Iterable[str]) -> list[str]:
    """Return versions in ascending order: opaque names, then by vendor; stable."""
    return [version.text for version in sorted(parse_all(versions), key=lambda version: version.key)]


def pin(text: str) -> str:
    """Return the spec that matches only this version.

    Fewer than three numbers would be a prefix, and a last `x` a wildcard.
    """
    version = parse(text)
    is_exact = version.is_opaque or (len(version.numbers) >= FULL and version.post[2] != "x")
    return text if is_exact else f"=={text}"


def read(text: str, variants: tuple[str, ...] = ()) -> Version:
    """Parse a version of any length, without memoizing."""
    core, variant = split_variant(text, variants)
    version = _read_whole(core)
    if not variant:
        return version
    return replace(version, text=text, variant=variant) if version.rank else _read_whole(text)


def split_variant(text: str, variants: tuple[str, ...]) -> tuple[str, str]:
    """Split a variant from a version: after a number (`3.13.0t`) or a separator (`3.13.0-t`).

    The variant may be empty.
    """
    core, plus, build = text.partition("+")
    for variant in variants:
        stem = core.removesuffix(variant)
        if stem != core and stem[-1:].isdigit():
            return stem + plus + build, variant
        if stem != core and stem[-1:] in {"-", "_", "."}:
            return stem[:-1] + plus + build, variant
    return text, ""


def _learn(text: str, variants: tuple[str, ...], cached: dict[str, Version]) -> Version:
    if len(text) > LIMIT:
        return Version(text)
    if len(cached) >= _REMEMBERED:
        cached.clear()
    try:
        numbers = tuple(map(_value_of, text.split(".")))
    except ValueError:
        numbers = ()
    if not numbers or (variants and split_variant(text, variants)[1]):
        cached[text] = version = read(text, variants)
        return version
    # only numbers and dots, as in most versions: a third of the time that `read` and the constructor take
    cached[text] = version = _create(Version)
    fields = version.__dict__
    fields["text"] = text
    fields["numbers"] = numbers
    fields["rank"] = (numbers if numbers[-1] else release(numbers), NO_POST, FINAL)
    return version


class _Numbers(dict[str, int]):
    """Values of numbers by their digits, learned at look-up; raises ValueError for other text."""

    def __missing__(self, digits: str) -> int:
        if len(digits) > _MAX_DIGITS or not (digits.isascii() and digits.isdigit()):
            raise ValueError(digits)
        number = int(digits)
        if len(digits) <= _MAX_LEARNED_DIGITS:
            self[digits] = number
        return number


_MAX_DIGITS = 15  # of numbers that are certainly not above MAX_NUMBER
_MAX_LEARNED_DIGITS = 3
_value_of = _Numbers().__getitem__
_create = object.__new__


def _read_whole(text: str) -> Version:
    body = text.lstrip(" \t=").rstrip(" \t")
    if not body.isascii():
        return Version(text)
    return _read_plain(text, body) or _read_rich(text, body)


def _read_plain(text: str, body: str) -> Version | None:
    """Parse a version that is only numbers and dots, as most are."""
    parts = body.removeprefix("v").split(".")
    for part in parts:
        if not part.isdigit():
            return None
    return _of_numbers(text, tuple(map(int, parts)))


def _read_rich(text: str, body: str) -> Version:
    from envmgr.versions.patterns import VERSION

    match = VERSION.fullmatch(body)
    return _of_match(text, match) if match else Version(text)


def _of_match(text: str, match: Match[str]) -> Version:
    vendor, numbers, pre, build, *posts = match.group("vendor", "release", "pre", "build", *_POSTS)
    return _of_numbers(
        text,
        tuple(map(int, numbers.replace("_", ".").replace("-", ".").split("."))),
        vendor or "",
        _post(match) if any(posts) else NO_POST,
        tuple(pre.split(".")) if pre else (),
        tuple(build.split(".")) if build else (),
    )


_POSTS = ("level", "revision", "jetbrains_revision", "count", "letters", "word")
"""Groups of which a version with a post part has exactly one."""


def _post(match: Match[str]) -> tuple[int, int, str, int]:
    if match["level"]:
        return level(int(match["level"]))
    revision = match["revision"] or match["jetbrains_revision"] or match["count"]
    if revision:
        return level(int(revision), int(match["part"] or match["jetbrains_part"] or 0))
    word = match["letters"] or match["word"]
    return letters_rank(word, int(match["nth"] or 0)) if word else NO_POST


def _of_numbers(
    text: str,
    numbers: tuple[int, ...],
    vendor: str = "",
    post: tuple[int, int, str, int] = NO_POST,
    pre: tuple[str, ...] = (),
    build: tuple[str, ...] = (),
) -> Version:
    if max(numbers) > MAX_NUMBER:
        return Version(text)
    return Version(text, rank(numbers, post, pre), vendor, "", numbers, post, pre, build)

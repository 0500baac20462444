"""Requests for another version in the style of an existing one: `^20.1` for 22.3.0 is `^22.3`."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.versions.aliases import classify
from envmgr.versions.comparator import OPERATOR_CHARACTERS, read_comparators
from envmgr.versions.errors import SpecError
from envmgr.versions.selection import max_satisfying
from envmgr.versions.spec import is_exact
from envmgr.versions.version import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.versions.comparator import Comparator

_PREFIXES = ("latest:", "prefix:", "tag:")
_BOUNDS = frozenset({"<", "<=", ">", ">="})
_SEPARATORS = "._-"


@frozen
class _Style:
    """A spec of one comparator: the text before its numbers, and whether it names one version."""

    comparator: Comparator
    lead: str
    release: str

    @property
    def count(self) -> int:
        """Return the number of its numbers."""
        return len(self.comparator.operand.version.numbers)

    @property
    def suffix(self) -> str:
        """Return what a shortened version ends with: the wildcards, and the variant."""
        operand = self.comparator.operand
        if operand.wild:
            return self.release[len(_first_numbers(self.release, self.count)) :]
        return operand.version.variant


def restyle(spec: str, version: str, variants: tuple[str, ...] = ()) -> str | None:
    """Return a spec in the style of another that selects a version, the spec itself if it does.

    Return None for a spec without a version to replace: a word (`lts`), a range with bounds, alternatives, `system`.
    """
    prefix = next((prefix for prefix in _PREFIXES if spec.startswith(prefix)), "")
    style = _style_of(spec.removeprefix(prefix), variants)
    if _is_up_to_date(spec.removeprefix("tag:"), style, version, variants):
        return spec
    if style is None:
        return None
    candidates = _candidates(style, version, variants)
    selecting = (candidate for candidate in candidates if _is_selected_by(candidate, version, variants))
    return next((prefix + candidate for candidate in selecting), None)


def newest_spec(version: str, variants: tuple[str, ...] = ()) -> str:
    """Return the spec of the newest version of the same vendor and variant."""
    parsed = read(version, variants)
    if not (parsed.vendor or parsed.variant):
        return "latest"
    return f">={parsed.vendor}-0{parsed.variant}" if parsed.vendor else f">=0{parsed.variant}"


def _is_up_to_date(spec: str, style: _Style | None, version: str, variants: tuple[str, ...]) -> bool:
    """Return whether a spec selects a version: `1.2.3` selects 1.2.3.4 only in lists without 1.2.3."""
    if style and style.comparator.is_exact:
        return style.comparator.operand.version.precedence == read(version, variants).precedence
    return _is_selected_by(spec, version, variants)


def _is_selected_by(spec: str, version: str, variants: tuple[str, ...]) -> bool:
    try:
        return max_satisfying((version,), spec, variants=variants) is not None
    except ValueError:  # a word that only the list of releases explains
        return False


def _style_of(spec: str, variants: tuple[str, ...]) -> _Style | None:
    """Return the style of a spec, None if it is not one comparator with a version to replace."""
    try:
        if classify(spec)[0] != "version" or "||" in spec:
            return None
        comparators = read_comparators(spec, variants)
    except SpecError:
        return None
    if len(comparators) != 1 or comparators[0].operator in _BOUNDS:
        return None
    version = comparators[0].operand.version
    return _Style(comparators[0], *_split_lead(spec, version.vendor)) if version.numbers else None


def _split_lead(text: str, vendor: str) -> tuple[str, str]:
    """Split a spec or version into operator, vendor and `v`, and the numbers with what follows them."""
    release = (
        text.lstrip(f"{OPERATOR_CHARACTERS} \t")
        .removeprefix(vendor)
        .lstrip("-_/@")
        .lstrip("vV")
        .lstrip(" \t")
    )
    return text[: len(text) - len(release)], release


def _candidates(style: _Style, version: str, variants: tuple[str, ...]) -> tuple[str, ...]:
    """Return the specs to try: the shortened one for a prefix or range, then the whole version."""
    parsed = read(version, variants)
    release = _split_lead(version, parsed.vendor)[1]
    whole = style.lead + release
    if style.comparator.is_exact:
        # `1.1.1x` reads as a wildcard.
        return (whole,) if is_exact(whole, variants) else (f"=={whole}",)
    count = min(style.count, len(parsed.numbers))
    return (f"{style.lead}{_first_numbers(release, count)}{style.suffix}", whole)


def _first_numbers(release: str, count: int) -> str:
    """Return the start of a release that has this many numbers, as they are written."""
    end = 0
    for index in range(count):
        end += 1 if index and release[end] in _SEPARATORS else 0
        while end < len(release) and release[end].isdigit():
            end += 1
    return release[:end]

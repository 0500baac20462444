"""Matching of tool versions against a range: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from envmgr.server.kit.common.problems import InvalidFields
from envmgr.versions import SpecError, parse, parse_spec, satisfies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.versions import Spec, Version

Match = Literal["matches", "unknown", "differs"]
_EVERY_VERSION = parse_spec("*").alternatives[0]


def read(text: str) -> Spec:
    """Parse a range; raise InvalidFields, which quotes the invalid part."""
    try:
        return parse_spec(text)
    except SpecError as error:
        raise InvalidFields("invalid version range", errors=[("?range", str(error))]) from None


def match(spec: Spec, text: str) -> Match:
    """Return how a version relates to a range.

    Ranges find affected versions, so pre-releases match like any other version, including those of the bound of `<`:
    20.11.1-rc.1 precedes 20.11.1, and is in `<20.11.1`. A version that is only a name (`master`), or of another vendor
    than the range, cannot be compared; every version matches `*`.
    """
    version = parse(text)
    if _EVERY_VERSION in spec.alternatives:
        return "matches"
    if version.is_opaque:
        return "unknown"
    if satisfies(text, spec.text, include_prerelease=True) or _is_prerelease_of_bound(spec, version):
        return "matches"
    vendors = {alternative.vendor for alternative in spec.alternatives} - {""}
    return "unknown" if vendors - {version.vendor} else "differs"


def sort_versions(versions: Iterable[str]) -> list[str]:
    """Return versions in a total order, oldest first."""
    return sorted(versions, key=sort_key)


def sort_key(text: str) -> tuple[object, ...]:
    """Return the sort key of a version, with its text as tie-breaker."""
    return (*parse(text).key, text)


def _is_prerelease_of_bound(spec: Spec, version: Version) -> bool:
    """Return whether a version is a pre-release of the bound of `<`, which the range would exclude."""
    return version.is_prerelease and any(
        alternative.interval.prerelease_floor <= version.rank
        and alternative.interval.ceiling == version.rank[:2]
        and alternative.vendor in {"", version.vendor}
        for alternative in spec.alternatives
    )

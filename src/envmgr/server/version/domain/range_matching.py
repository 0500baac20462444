"""Which versions of a tool a range takes in, and of which that cannot be told: pure."""

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
    """Read a range; raise InvalidFields, which quotes the piece that cannot stand in it."""
    try:
        return parse_spec(text)
    except SpecError as error:
        raise InvalidFields("the range cannot be read", errors=[("?range", str(error))]) from None


def match(spec: Spec, text: str) -> Match:
    """Tell whether a range takes in a version.

    Ranges are asked for to find what is affected, so pre-releases count like any other version, and those of the
    very version that a `<` names, too: 20.11.1-rc.1 comes before 20.11.1, and is in `<20.11.1`. What is only a name
    (`master`), or of another vendor than the range is about, cannot be compared; every version is in `*`.
    """
    version = parse(text)
    if _EVERY_VERSION in spec.alternatives:
        return "matches"
    if version.opaque:
        return "unknown"
    if satisfies(text, spec.text, include_prerelease=True) or _is_prerelease_of_bound(spec, version):
        return "matches"
    vendors = {alternative.vendor for alternative in spec.alternatives} - {""}
    return "unknown" if vendors - {version.vendor} else "differs"


def sort_versions(versions: Iterable[str]) -> list[str]:
    """Sort versions, oldest first, in one way only."""
    return sorted(versions, key=sort_key)


def sort_key(text: str) -> tuple[object, ...]:
    """Return what versions are sorted by: also by their spelling, where that is all that differs."""
    return (*parse(text).key, text)


def _is_prerelease_of_bound(spec: Spec, version: Version) -> bool:
    """Tell whether this is a pre-release of what a `<` names: those end where that version's own rank begins."""
    return version.prerelease and any(
        alternative.interval.prerelease_floor <= version.rank
        and alternative.interval.ceiling == version.rank[:2]
        and alternative.vendor in {"", version.vendor}
        for alternative in spec.alternatives
    )

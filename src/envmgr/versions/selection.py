"""Selection of a version by a spec or alias."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.versions.aliases import LATEST, is_compound, parse_source_spec, resolve_aliases
from envmgr.versions.comparator import check
from envmgr.versions.errors import SpecError, WordError
from envmgr.versions.filtering import PRE_RELEASE, filter_versions, find_vendor, vendor_for
from envmgr.versions.ordering import build_rank
from envmgr.versions.spec import Alternative, Spec, parse_spec
from envmgr.versions.version import parse_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envmgr.versions.filtering import Screened
    from envmgr.versions.ordering import Rank
    from envmgr.versions.version import Version


@frozen
class Selection:
    """The version that a spec selects, and the reasons.

    `candidates` are the matching versions, best first, so the first is the `winner`; `rejected` are those in range that
    are excluded, best first, each with the reason; `prereleases_seen` are the pre-releases among these, oldest first;
    `alias_chain` is the spec and its resolved aliases.
    """

    winner: str | None
    candidates: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    prereleases_seen: tuple[str, ...] = ()
    alias_chain: tuple[str, ...] = ()


@frozen
class _ToolRules:
    """The version settings of a tool."""

    aliases: Mapping[str, str] | None = None
    user_aliases: Mapping[str, str] | None = None
    variants: tuple[str, ...] = ()
    default_vendor: str | None = None


@frozen
class _Match:
    """Resolved aliases, accepted versions, and rejected ones with the reason."""

    alias_chain: tuple[str, ...]
    accepted: Sequence[Version]
    rejected: Sequence[tuple[Version, str]] = ()


def select(
    versions: Iterable[str],
    spec: str,
    *,
    aliases: Mapping[str, str] | None = None,
    user_aliases: Mapping[str, str] | None = None,
    variants: Iterable[str] = (),
    default_vendor: str | None = None,
    include_prerelease: bool = False,
) -> Selection:
    """Return the best version of a list, with the reasons.

    Raise SpecError for an invalid spec, WordError for unknown words and alias loops, and VendorError for an ambiguous
    vendor; all are ValueErrors. An empty result is not an error.
    """
    tool = _ToolRules(aliases, user_aliases, tuple(variants), default_vendor)
    find = _find(versions, spec, tool, include_prerelease)
    reasons = {version.text: reason for version, reason in find.rejected}
    candidates = _texts(_best_first(find.accepted))
    rejected = _texts(_best_first([version for version, _ in find.rejected]))
    return Selection(
        winner=candidates[0] if candidates else None,
        candidates=candidates,
        rejected=tuple((version, reasons[version]) for version in rejected),
        prereleases_seen=tuple(version for version in reversed(rejected) if reasons[version] == PRE_RELEASE),
        alias_chain=find.alias_chain,
    )


def max_satisfying(
    versions: Iterable[str],
    spec: str,
    include_prerelease: bool = False,
    aliases: Mapping[str, str] | None = None,
    variants: Iterable[str] = (),
) -> str | None:
    """Return the best version of a list, or None; raise like `select`."""
    find = _find(versions, spec, _ToolRules(aliases, variants=tuple(variants)), include_prerelease)
    return _best(find.accepted).text if find.accepted else None


def satisfies(version: str, spec: str, include_prerelease: bool = False) -> bool:
    """Return whether a version matches a spec; False for an invalid spec."""
    try:
        return max_satisfying((version,), spec, include_prerelease) is not None
    except ValueError:
        return False


def _find(versions: Iterable[str], spec: str, tool: _ToolRules, include_prerelease: bool) -> _Match:
    chain = resolve_aliases(spec, tool.aliases, tool.user_aliases)
    goal = chain[-1]
    if parse_source_spec(goal):
        raise WordError(chain, "not resolvable to a release")
    check(goal)
    pool = parse_all(versions, tool.variants)
    newest = _newest(goal, pool)
    if newest:
        return _with_fallback(chain, _screen(newest, pool, tool, include_prerelease))
    try:
        parsed = parse_spec(goal, tool.variants)
    except SpecError as error:
        return _Match(chain, [_find_opaque(chain, pool, error)])
    return _Match(chain, *_screen(parsed, pool, tool, include_prerelease))


def _newest(goal: str, pool: Sequence[Version]) -> Spec | None:
    """Return the spec for the newest version of `latest` or a vendor's name."""
    if goal == LATEST:
        return Spec(goal, (Alternative(),))
    if not goal[:1].isalpha() and not goal.startswith("@"):
        return None
    vendor = goal.removesuffix(f"-{LATEST}").removesuffix("-")
    name = find_vendor(vendor, pool) if vendor else None
    return Spec(goal, (Alternative(vendor=name),)) if name else None


def _with_fallback(chain: tuple[str, ...], screened: Screened) -> _Match:
    """Return pre-releases if no release exists, for `latest` only."""
    accepted, rejected = screened
    if accepted:
        return _Match(chain, accepted, rejected)
    prereleases = [version for version, reason in rejected if reason == PRE_RELEASE]
    return _Match(
        chain, prereleases, [(version, reason) for version, reason in rejected if reason != PRE_RELEASE]
    )


def _screen(spec: Spec, pool: Sequence[Version], tool: _ToolRules, include_prerelease: bool) -> Screened:
    """Return the versions that match a side of `||`, in list order, and the rejected ones."""
    screened = [
        filter_versions(
            side, vendor_for(side, pool, tool.default_vendor, spec.text), pool, include_prerelease
        )
        for side in spec.alternatives
    ]
    if len(screened) == 1:
        return screened[0]
    texts = {version.text for accepted, _ in screened for version in accepted}
    rejected = {
        version.text: (version, rejection)
        for _, refusals in reversed(screened)
        for version, rejection in refusals
    }
    return [v for v in pool if v.text in texts], [r for text, r in rejected.items() if text not in texts]


def _find_opaque(chain: tuple[str, ...], pool: Sequence[Version], error: SpecError) -> Version:
    """Return the opaque entry with exactly this name."""
    goal = chain[-1]
    for version in pool:
        if version.is_opaque and version.text == goal:
            return version
    if goal[:1].isalpha() and not is_compound(goal):
        raise WordError(chain, "no such version, alias or vendor") from None
    raise error


def _best(accepted: Sequence[Version]) -> Version:
    highest = max([version.rank for version in accepted])
    return max([version for version in accepted if version.rank == highest], key=_build)


def _best_first(accepted: Sequence[Version]) -> list[Version]:
    # Sorting is stable. By rank alone is a third faster than by pairs, and few lists have builds.
    if any(version.build for version in accepted):
        accepted = sorted(accepted, key=_build, reverse=True)
    return sorted(accepted, key=_rank, reverse=True)


def _rank(version: Version) -> Rank:
    return version.rank


def _build(version: Version) -> Rank:
    return build_rank(version.build)


def _texts(versions: Iterable[Version]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(version.text for version in versions))

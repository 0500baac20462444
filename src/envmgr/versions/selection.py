"""Selection of a version by a spec or alias."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.versions.aliases import LATEST, is_compound, parse_source_spec, resolve_aliases
from envmgr.versions.comparator import check
from envmgr.versions.errors import SpecError, WordError
from envmgr.versions.filtering import PRE_RELEASE, Pool, filter_versions, find_vendor, vendor_for
from envmgr.versions.spec import Alternative, Spec, parse_spec
from envmgr.versions.version import parse_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envmgr.versions.filtering import Screened
    from envmgr.versions.version import Version

_REMEMBERED = 16
_MIN_REMEMBERED_VERSIONS = 16  # fewer are sorted in less time than a list is compared with another
_pools: dict[tuple[tuple[str, ...], tuple[str, ...]], Pool] = {}


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
    """Resolved aliases, accepted versions, and rejected ones with the reason, both best first."""

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
    candidates = _texts(find.accepted)
    rejected = _texts([version for version, _ in find.rejected])
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
    return find.accepted[0].text if find.accepted else None


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
    pool = _pool(tuple(versions), tool.variants)
    newest = _newest(goal, pool)
    if newest:
        return _with_fallback(chain, _screen(newest, pool, tool, include_prerelease))
    try:
        parsed = parse_spec(goal, tool.variants)
    except SpecError as error:
        return _Match(chain, [_find_opaque(chain, pool, error)])
    return _Match(chain, *_screen(parsed, pool, tool, include_prerelease))


def _pool(versions: tuple[str, ...], variants: tuple[str, ...]) -> Pool:
    """Return the parsed and sorted versions of a list (memoized)."""
    if len(versions) < _MIN_REMEMBERED_VERSIONS:
        return Pool(parse_all(versions, variants))
    pool = _pools.get((versions, variants))
    if pool is None:
        if len(_pools) >= _REMEMBERED:
            _pools.clear()
        pool = _pools[versions, variants] = Pool(parse_all(versions, variants))
    return pool


def _newest(goal: str, pool: Pool) -> Spec | None:
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


def _screen(spec: Spec, pool: Pool, tool: _ToolRules, include_prerelease: bool) -> Screened:
    """Return the versions that match a side of `||`, and the rejected ones, both best first."""
    screened = [
        filter_versions(
            side, vendor_for(side, pool, tool.default_vendor, spec.text), pool, include_prerelease
        )
        for side in spec.alternatives
    ]
    if len(screened) == 1:
        return screened[0]
    texts = {version.text for accepted, _ in screened for version in accepted}
    reasons = {version.text: reason for _, rejected in reversed(screened) for version, reason in rejected}
    refused = reasons.keys() - texts
    rejections = [(v, reasons[v.text]) for v in pool.best_first if v.text in refused]
    return [v for v in pool.best_first if v.text in texts], rejections


def _find_opaque(chain: tuple[str, ...], pool: Pool, error: SpecError) -> Version:
    """Return the opaque entry with exactly this name."""
    goal = chain[-1]
    for version in pool.best_first:
        if version.is_opaque and version.text == goal:
            return version
    if goal[:1].isalpha() and not is_compound(goal):
        raise WordError(chain, "no such version, alias or vendor") from None
    raise error


def _texts(versions: Iterable[Version]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(version.text for version in versions))

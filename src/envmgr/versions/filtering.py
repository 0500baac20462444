"""Filtering of a list of versions by one side of `||`, with the reasons of rejections."""

from __future__ import annotations

from envmgr.versions.errors import VendorError
from envmgr.versions.ordering import build_rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.versions.ordering import Rank
    from envmgr.versions.spec import Alternative
    from envmgr.versions.version import Version

    Screened = tuple[Sequence[Version], list[tuple[Version, str]]]

PRE_RELEASE = "pre-release"
OTHER_VENDOR = "another vendor"
OTHER_VARIANT = "another variant"
OTHER_BUILD = "another build"
_SMALL = 16  # below this, importing `bisect` takes longer than comparing with all versions


class Pool:
    """A list of versions, sorted once for all specs that are picked from it.

    `best_first` has the highest first; of equal ones, the highest build, then the first in the list.
    """

    def __init__(self, versions: Iterable[Version]) -> None:
        self.best_first = _best_first(list(versions))
        self._is_small = len(self.best_first) < _SMALL
        self._ranks = [] if self._is_small else [version.rank for version in reversed(self.best_first)]
        self._is_plain = not self._is_small and not any(
            version.vendor or version.pre or version.variant or version.build for version in self.best_first
        )

    @property
    def vendors(self) -> set[str]:
        """Return the vendors, with the empty one of opaque names."""
        return {version.vendor for version in self.best_first}

    def within(self, floor: Rank, ceiling: Rank) -> list[Version]:
        """Return the versions from a rank to below another, best first."""
        if self._is_small:
            return [version for version in self.best_first if floor <= version.rank < ceiling]
        from bisect import bisect_left

        count = len(self._ranks)
        end = count - bisect_left(self._ranks, floor)
        return self.best_first[count - bisect_left(self._ranks, ceiling) : end]

    def is_accepted_whole(self, alternative: Alternative, vendor: str) -> bool:
        """Return whether it is certain that none has a vendor, variant, pre-release or build, nor the spec."""
        return self._is_plain and not vendor and not alternative.variant


def _best_first(versions: list[Version]) -> list[Version]:
    if len(versions) == 1:
        return versions
    # Sorting is stable. By rank alone is a third faster than by pairs, and few lists have builds.
    if any(version.build for version in versions):
        versions.sort(key=_build, reverse=True)
    versions.sort(key=_rank, reverse=True)
    return versions


def _rank(version: Version) -> Rank:
    return version.rank


def _build(version: Version) -> Rank:
    return build_rank(version.build)


def vendor_for(alternative: Alternative, pool: Pool, default_vendor: str | None, spec: str) -> str:
    """Return the vendor to match: the spec's, else none, else the only or the default one."""
    if alternative.vendor:
        return find_vendor(alternative.vendor, pool) or alternative.vendor
    if any(version.rank and not version.vendor for version in pool.best_first):
        return ""
    vendors = sorted({version.vendor for version in pool.best_first if version.rank})
    if len(vendors) <= 1:
        return "".join(vendors)
    if default_vendor and default_vendor in vendors:
        return default_vendor
    raise VendorError(spec, tuple(vendors))


def find_vendor(name: str, pool: Pool) -> str | None:
    """Return the vendor as named in the releases; case is ignored unless it distinguishes two."""
    vendors = pool.vendors
    if name in vendors:
        return name
    return next((vendor for vendor in sorted(vendors) if vendor.lower() == name.lower()), None)


def filter_versions(alternative: Alternative, vendor: str, pool: Pool, include_prerelease: bool) -> Screened:
    """Return the matching versions, and the rejected ones in range with the reason, both best first."""
    within = pool.within(alternative.interval.prerelease_floor, alternative.interval.ceiling)
    if pool.is_accepted_whole(alternative, vendor):
        return _prefer_builds(alternative, within), []
    accepted, rejected = [], []
    for version in within:
        reason = _rejection_reason(alternative, vendor, version, include_prerelease)
        if reason:
            rejected.append((version, reason))
        else:
            accepted.append(version)
    return _prefer_builds(alternative, accepted), rejected


def _rejection_reason(
    alternative: Alternative, vendor: str, version: Version, include_prerelease: bool
) -> str:
    if version.vendor != vendor:
        return OTHER_VENDOR
    if version.variant != alternative.variant:
        return OTHER_VARIANT
    if version.pre and not include_prerelease and not _is_requested(alternative, version):
        return PRE_RELEASE
    if alternative.builds and version.build and not _has_builds(alternative, version):
        return OTHER_BUILD
    return ""


def _is_requested(alternative: Alternative, version: Version) -> bool:
    return version.rank[0] in alternative.prerelease_releases and alternative.interval.floor <= version.rank


def _has_builds(alternative: Alternative, version: Version) -> bool:
    build_key = build_rank(version.build)
    return all(build == build_key for build in alternative.builds)


def _prefer_builds(alternative: Alternative, accepted: Sequence[Version]) -> Sequence[Version]:
    if alternative.first is None:
        return accepted
    return [version for version in accepted if version in alternative.first] or accepted

"""Filtering of versions by one side of `||`, with the reasons of rejections."""

from __future__ import annotations

from envmgr.versions.errors import VendorError
from envmgr.versions.ordering import build_rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.versions.spec import Alternative
    from envmgr.versions.version import Version

    Screened = tuple[list[Version], list[tuple[Version, str]]]

PRE_RELEASE = "pre-release"
OTHER_VENDOR = "another vendor"
OTHER_VARIANT = "another variant"
OTHER_BUILD = "another build"


def vendor_for(
    alternative: Alternative, pool: Sequence[Version], default_vendor: str | None, spec: str
) -> str:
    """Return the vendor to match: the spec's, else none, else the only or the default one."""
    if alternative.vendor:
        return find_vendor(alternative.vendor, pool) or alternative.vendor
    if any(version.rank and not version.vendor for version in pool):
        return ""
    vendors = sorted({version.vendor for version in pool if version.rank})
    if len(vendors) <= 1:
        return "".join(vendors)
    if default_vendor and default_vendor in vendors:
        return default_vendor
    raise VendorError(spec, tuple(vendors))


def find_vendor(name: str, pool: Sequence[Version]) -> str | None:
    """Return the vendor as named in the releases; case is ignored unless it distinguishes two."""
    vendors = {version.vendor for version in pool}
    if name in vendors:
        return name
    return next((vendor for vendor in sorted(vendors) if vendor.lower() == name.lower()), None)


def filter_versions(
    alternative: Alternative, vendor: str, pool: Sequence[Version], include_prerelease: bool
) -> Screened:
    """Return the matching versions, and those in range that are rejected, with the reason."""
    reach, ceiling = alternative.interval.prerelease_floor, alternative.interval.ceiling
    within = [version for version in pool if reach <= version.rank < ceiling]
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


def _prefer_builds(alternative: Alternative, accepted: list[Version]) -> list[Version]:
    if alternative.first is None:
        return accepted
    return [version for version in accepted if version in alternative.first] or accepted

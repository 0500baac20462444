"""Listings of releases: sorted, without duplicates or unusable versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.catalog.release import Listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.catalog.release import Release


def make(
    releases: Iterable[Release], aliases: Mapping[str, str] | None = None, *, in_order: bool = False
) -> Listing:
    """Sort releases oldest first (unless they are in order), the first of equal names counting.

    A version that could not be a folder's name is left out. `lts` and `lts/<name>` become aliases.
    """
    from envmgr.versions import is_folder_name, sort

    by_version: dict[str, Release] = {}
    for release in releases:
        if is_folder_name(release.version):
            by_version.setdefault(release.version, release)
    order = list(by_version) if in_order else sort(by_version)
    ordered = tuple(by_version[version] for version in order)
    return Listing(ordered, {**lts_aliases(ordered), **(aliases or {})})


def lts_aliases(releases: Iterable[Release]) -> dict[str, str]:
    """Return `lts` and each `lts/<name>` with its newest version; releases are sorted oldest first."""
    aliases: dict[str, str] = {}
    for release in releases:
        if release.lts and not (release.prerelease or release.withdrawn):
            aliases["lts"] = release.version
            aliases[f"lts/{release.lts.lower()}"] = release.version
    return {name: aliases[name] for name in sorted(aliases) if name != "lts/lts"}

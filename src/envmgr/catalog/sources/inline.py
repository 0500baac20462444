"""Releases that the manifest itself lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from envmgr.catalog.release import Release
from envmgr.catalog.release_list import make
from envmgr.kit import digest
from envmgr.lockformat.model import Artifact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.release import Listing
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.platform import Platform


def listing(manifest: Manifest, context: Context) -> Listing:
    """Return the releases in the manifest: version strings, or objects with artifacts by platform."""
    del context
    return make(_release(manifest, item) for item in cast("list[object]", manifest.source["versions"]))


def artifact(manifest: Manifest, release: Release, platform: Platform, context: Context) -> Artifact | None:
    """Return the archive listed for a platform, else the template's where none are listed."""
    del context
    if release.artifacts:
        return release.artifacts.get(platform.key)
    url = manifest.download_url(release.version, release.tag, platform)
    return Artifact(url) if url else None


def _release(manifest: Manifest, item: object) -> Release:
    from envmgr.versions import parse

    entry = cast("dict[str, object]", item if isinstance(item, dict) else {"version": item})
    version = manifest.vendor + str(entry["version"])
    artifacts = cast("dict[str, dict[str, object]]", entry.get("artifacts", {}))
    return Release(
        version,
        str(entry.get("tag") or manifest.tag_of(version)),
        date=cast("str | None", entry.get("date")),
        lts=cast("str | None", entry.get("lts")),
        prerelease=parse(version).is_prerelease,
        artifacts={key: _artifact(value) for key, value in artifacts.items()},
    )


def _artifact(entry: Mapping[str, object]) -> Artifact:
    sha256 = entry.get("sha256")
    return Artifact(
        str(entry["url"]),
        digest.parse(str(sha256)) if sha256 else None,
        cast("int | None", entry.get("size")),
    )

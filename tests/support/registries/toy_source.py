"""A source for tests: releases in a directory of a web server, with URLs without a host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envmgr.catalog import release_list
from envmgr.catalog.release import Location, Release
from envmgr.catalog.sources.kinds import PackageNames, SourceKind
from envmgr.kit.digest import Digest
from envmgr.lockformat.model import Artifact

if TYPE_CHECKING:
    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.release import Listing
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.platform import Platform

KIND = SourceKind(
    "toy",
    __name__,
    PackageNames("package", r"[a-z]+", "NAME", "hello", {"bin": ["bin"], "strip": 1}),
    url_scheme="toy",
)


def listing(manifest: Manifest, context: Context) -> Listing:
    """Return the versions in `index.json`."""
    package = manifest.source["package"]
    index = json.loads(context.http.get(f"{_base(context)}/{package}/toy.json").body)
    return release_list.make(
        Release(version, version, artifacts=_artifacts(str(package), version, digests))
        for version, digests in index.items()
    )


def _artifacts(package: str, version: str, digests: dict[str, str]) -> dict[str, Artifact]:
    return {
        platform: Artifact(f"toy:{package}/{version}/{platform}.tar.gz", Digest("sha256", digest))
        for platform, digest in digests.items()
    }


def artifact(manifest: Manifest, release: Release, platform: Platform, context: Context) -> Artifact | None:
    """Return the release's archive for a platform."""
    del manifest, context
    return release.artifacts.get(platform.key)


def locate(artifact: Artifact, context: Context) -> Location:
    """Return the present URL of an archive."""
    return Location(f"{_base(context)}/{artifact.url.removeprefix('toy:')}")


def _base(context: Context) -> str:
    return context.environment.get("TOY_URL")

"""The kinds of place a list of releases comes from, one module a kind."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from envmgr.catalog.layout import Layout
    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.release import Listing, Location, Release
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.platform import Platform
    from envmgr.lockformat.model import Artifact


class Source(Protocol):
    """What every module of this package answers."""

    def listing(self, manifest: Manifest, context: Context) -> Listing:
        """List all releases; raise SourceError naming the URL for an answer that is no list."""

    def artifact(
        self, manifest: Manifest, release: Release, platform: Platform, context: Context
    ) -> Artifact | None:
        """Find a release's archive for a platform; None where upstream publishes none."""


class PackageSource(Source, Protocol):
    """What a package registry answers besides: its URLs name no host, its packages name their own programs."""

    def locate(self, artifact: Artifact, context: Context) -> Location:
        """Turn `kind:…` into where the bytes are."""

    def layout(self, manifest: Manifest, version: str, platform: Platform, context: Context) -> Layout | None:
        """Return how the archive is laid out: the manifest's layout, and what the package itself says."""


SOURCES = {
    "index": "url_index",
    "static": "inline",
    "git-tags": "git_tags",
    "github": "github",
    "pypi": "pypi",
    "npm": "npm",
}
"""Kinds by the name manifests give them, and the module of each (imported when it is used)."""

PACKAGE_SOURCES = frozenset({"pypi", "npm"})


def source_of(kind: str) -> Source:
    """Return the source of a kind."""
    return cast("Source", import_module(f"{__name__}.{SOURCES[kind]}"))


def package_source_of(kind: str) -> PackageSource:
    """Return the source of a kind that is in PACKAGE_SOURCES."""
    return cast("PackageSource", source_of(kind))

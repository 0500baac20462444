"""Sources of releases, one module a kind; `kinds` describes each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from envmgr.catalog.sources.kinds import KINDS

if TYPE_CHECKING:
    from envmgr.catalog.layout import Layout
    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.release import Listing, Location, Release
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.platform import Platform
    from envmgr.lockformat.model import Artifact


class Source(Protocol):
    """The interface of a source's module."""

    def listing(self, manifest: Manifest, context: Context) -> Listing:
        """List all releases; raise SourceError with the URL if the response is not a list."""

    def artifact(
        self, manifest: Manifest, release: Release, platform: Platform, context: Context
    ) -> Artifact | None:
        """Find a release's archive for a platform; None where upstream publishes none."""


class PackageSource(Source, Protocol):
    """The additional interface of kinds with a `url_scheme` (`locate`) or `has_layout` (`layout`)."""

    def locate(self, artifact: Artifact, context: Context) -> Location:
        """Return the location of the bytes of `kind:…`."""

    def layout(self, manifest: Manifest, version: str, platform: Platform, context: Context) -> Layout | None:
        """Return the layout of an archive: the manifest's, completed by the package's metadata."""


def source_of(kind: str) -> Source:
    """Return the source of a kind, importing its module."""
    return cast("Source", import_module(KINDS[kind].module))


def package_source_of(kind: str) -> PackageSource:
    """Return the source of a kind that has a URL scheme or layouts of its own."""
    return cast("PackageSource", source_of(kind))

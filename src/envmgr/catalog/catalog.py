"""Catalog of tools: their releases, and the archive of each release for a platform."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from envmgr.catalog import checksums, url_versions
from envmgr.catalog.release import Location
from envmgr.catalog.sources import package_source_of, source_of
from envmgr.catalog.sources.kinds import KINDS, kind_of_url
from envmgr.catalog.sources.source_context import Context
from envmgr.kit.errors import CatalogError, NetworkError
from envmgr.kit.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.catalog.layout import Layout
    from envmgr.catalog.list_cache import Fallback, ListDependencies
    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.registry import Registry
    from envmgr.catalog.release import Listing, Signature
    from envmgr.kit.config.settings import Settings
    from envmgr.kit.environment import Environment
    from envmgr.kit.http.client import Http
    from envmgr.kit.paths import Paths
    from envmgr.kit.platform import Platform
    from envmgr.kit.progress import Progress
    from envmgr.lockformat.model import Artifact


class Catalog:
    """Answers from any thread; each list of releases is read once."""

    def __init__(self, registry: Registry, context: Context) -> None:
        self.registry = registry
        self._context = context
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._listings: dict[str, Listing] = {}
        self._layouts: dict[tuple[str, str, str, str | None], Layout | None] = {}

    def manifest(self, tool: str) -> Manifest:
        """Return a tool's manifest; raise UnknownTool, or ManifestError with every issue."""
        return self.registry.check(tool)

    def listing(self, tool: str) -> Listing:
        """List a tool's releases."""
        manifest = self.manifest(tool)
        with self._tool_lock(manifest.name):
            if manifest.name not in self._listings:
                self._listings[manifest.name] = source_of(manifest.kind).listing(manifest, self._context)
            return self._listings[manifest.name]

    def artifact(self, tool: str, version: str, platform: Platform) -> Artifact | None:
        """Return a release's archive with its published digest; None if the platform is unsupported."""
        manifest = self.manifest(tool)
        release = self.listing(tool).release(version)
        if release is None:
            return None
        artifact = source_of(manifest.kind).artifact(manifest, release, platform, self._context)
        if artifact is None or artifact.digest is not None:
            return artifact
        checksum = manifest.checksum(release.version, release.tag, platform, artifact.url)
        return checksums.with_digest(artifact, checksum, self._context.lists) if checksum else artifact

    def layout(self, tool: str, version: str, platform: Platform, url: str | None = None) -> Layout | None:
        """Return the layout of a release's archive: at `url`, else at the manifest's template."""
        key = (tool, version, platform.key, url)
        if key not in self._layouts:
            self._layouts[key] = self._layout(tool, version, platform, url)
        return self._layouts[key]

    def _layout(self, tool: str, version: str, platform: Platform, url: str | None) -> Layout | None:
        manifest = self.manifest(tool)
        kind = KINDS[manifest.kind]
        if kind.has_layout and (url is None or not kind.url_scheme or kind.is_url_of_kind(url)):
            result = package_source_of(manifest.kind).layout(manifest, version, platform, self._context)
        else:
            result = manifest.layout(version, None, platform, url)
        return replace(result, requires=tuple(map(self._canonical_name, result.requires))) if result else None

    def _canonical_name(self, tool: str) -> str:
        try:
            return self.manifest(tool).name
        except CatalogError:  # unknown or unreadable: reported where the tool is used
            return tool

    def signature(self, tool: str, version: str, platform: Platform, url: str) -> Signature | None:
        """Return the URL and accepted keys of the signature of the archive at `url`; None if not declared."""
        return self.manifest(tool).signature(version, platform, url)

    def version_of_url(self, tool: str, version: str, platform: Platform, url: str) -> str | None:
        """Return the version whose archive a URL is, without network access; None if it names none."""
        manifest = self.manifest(tool)
        if KINDS[manifest.kind].is_list_in_manifest:  # its URLs may have any form
            listed_version = _version_in_list(
                manifest, self.listing(tool), version, platform, url, self._context
            )
            if listed_version:
                return listed_version
        return url_versions.version_of_url(manifest, version, platform, url)

    def is_version_certain(self, tool: str) -> bool:
        """Return whether `version_of_url` is certain for one URL alone."""
        return url_versions.is_certain(self.manifest(tool))

    def version_by_list(self, tool: str, version: str, platform: Platform, url: str) -> str | None:
        """Return the version for which the list of releases has a URL, preferably `version`; None without one.

        Only lists that name the URLs of archives are read: templates and packages name versions themselves.
        """
        manifest = self.manifest(tool)
        if not url_versions.has_listed_urls(manifest, version, platform):
            return None
        return _version_in_list(manifest, self.listing(tool), version, platform, url, self._context)

    def version_by_cached_list(self, tool: str, version: str, platform: Platform, url: str) -> str | None:
        """Return the version for which the cached list has a URL, as `version_by_list`, without a request."""
        manifest = self.manifest(tool)
        if not url_versions.has_listed_urls(manifest, version, platform):
            return None
        context = self._cached_context()
        try:
            listing = source_of(manifest.kind).listing(manifest, context)
            return _version_in_list(manifest, listing, version, platform, url, context)
        except (CatalogError, NetworkError):  # the list is not cached, or cannot be read
            return None

    def _cached_context(self) -> Context:
        return replace(self._context, lists=self._context.lists.cached_only())

    @property
    def list_dependencies(self) -> ListDependencies:
        """The cached lists that were read so far."""
        return self._context.lists.dependencies

    @property
    def fallbacks(self) -> tuple[Fallback, ...]:
        """The uses of cached lists, where upstream could not be reached."""
        return self._context.lists.fallbacks

    def locate(self, artifact: Artifact) -> Location:
        """Return the location of an artifact's bytes, with the request headers."""
        kind = kind_of_url(artifact.url)
        return (
            package_source_of(kind.name).locate(artifact, self._context) if kind else Location(artifact.url)
        )

    def _tool_lock(self, tool: str) -> threading.Lock:
        with self._guard:
            return self._busy.setdefault(tool, threading.Lock())


def _version_in_list(
    manifest: Manifest, listing: Listing, version: str, platform: Platform, url: str, context: Context
) -> str | None:
    source, expected = source_of(manifest.kind), listing.release(version)
    for release in (*([expected] if expected else []), *listing.releases):
        artifact = source.artifact(manifest, release, platform, context)
        if artifact and artifact.url == url:
            return release.version
    return None


def open_catalog(
    *,
    registry: Registry,
    open_http: Callable[[], Http],
    settings: Settings,
    environment: Environment,
    paths: Paths,
    progress: Progress | None = None,
) -> Catalog:
    """Return the catalog of a registry's tools."""
    from envmgr.catalog.list_cache import ListCache

    lists = ListCache(paths, open_http, settings.offline, progress)
    return Catalog(registry, Context(open_http, lists, settings, environment, paths))

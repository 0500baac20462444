"""Versions that URLs of archives name, without network access."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.catalog.sources.kinds import KINDS

if TYPE_CHECKING:
    from envmgr.catalog.manifest import Manifest
    from envmgr.kit.platform import Platform


def version_of_url(manifest: Manifest, version: str, platform: Platform, url: str) -> str | None:
    """Return the version whose archive a URL is; None if it names none.

    `version` selects the fields of the manifest to compare with.
    """
    url_version = manifest.version_in_url(url, version, platform)
    kind = KINDS[manifest.kind]
    has_scheme_of_kind = not kind.url_scheme or kind.is_url_of_kind(url)
    if url_version is None and kind.version_of_url and has_scheme_of_kind:
        return kind.version_of_url(manifest, url)
    return url_version


def is_certain(manifest: Manifest) -> bool:
    """Return whether a URL with a version cannot be of another one."""
    return KINDS[manifest.kind].is_url_version_certain


def has_listed_urls(manifest: Manifest, version: str, platform: Platform) -> bool:
    """Return whether the list of releases has the URLs of archives, which no template gives."""
    return KINDS[manifest.kind].version_of_url is None and not manifest.has_template(version, platform)

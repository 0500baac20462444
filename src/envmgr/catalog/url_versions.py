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
    reader = KINDS[manifest.kind].url_reader
    return reader(manifest, url) if url_version is None and reader else url_version


def is_certain(manifest: Manifest) -> bool:
    """Return whether a URL with a version cannot be of another one."""
    return KINDS[manifest.kind].has_certain_versions


def has_listed_urls(manifest: Manifest, version: str, platform: Platform) -> bool:
    """Return whether the list of releases has the URLs of archives, which no template gives."""
    return KINDS[manifest.kind].url_reader is None and not manifest.has_template(version, platform)

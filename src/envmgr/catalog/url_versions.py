"""Versions that URLs of archives name, without network access."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.catalog.manifest import Manifest
    from envmgr.kit.platform import Platform


def version_of_url(manifest: Manifest, version: str, platform: Platform, url: str) -> str | None:
    """Return the version whose archive a URL is; None if it names none.

    `version` selects the fields of the manifest to compare with.
    """
    url_version = manifest.version_in_url(url, version, platform)
    if url_version is None and manifest.kind in _READERS:
        url_version = _READERS[manifest.kind](manifest, url)
    return url_version


def is_certain(manifest: Manifest) -> bool:
    """Return whether a URL with a version cannot be of another one: not so for tags of repositories.

    A repository may release several tools, with versions of their own, under one tag.
    """
    return manifest.kind != "github"


def has_listed_urls(manifest: Manifest, version: str, platform: Platform) -> bool:
    """Return whether the list of releases has the URLs of archives, which no template gives."""
    return manifest.kind not in _READERS and not manifest.has_template(version, platform)


def _github_version(manifest: Manifest, url: str) -> str | None:
    repository = re.escape(str(manifest.source["repo"]))
    match = re.search(rf"/{repository}/releases/download/([^/]+)/", url, re.IGNORECASE)
    return manifest.version_of(unquote(match[1])) if match else None


def _npm_version(manifest: Manifest, url: str) -> str | None:
    package, _, version = url.removeprefix("npm:").rpartition("/")
    return version if url.startswith("npm:") and package == manifest.source["package"] else None


def _pypi_version(_: Manifest, url: str) -> str | None:
    from envmgr.catalog.sources import wheel_tags

    wheel = wheel_tags.parse(url.rpartition("/")[2]) if url.startswith("pypi:") else None
    return wheel.version if wheel else None


_READERS: dict[str, Callable[[Manifest, str], str | None]] = {
    "github": _github_version,
    "npm": _npm_version,
    "pypi": _pypi_version,
}

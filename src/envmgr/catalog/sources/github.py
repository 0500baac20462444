"""Programs published as files of GitHub releases (https://docs.github.com/rest/releases/releases)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

from envmgr.catalog import checksums, document_decoder
from envmgr.catalog import release_list as listings
from envmgr.catalog.release import Listing, Release
from envmgr.catalog.sources import asset_matching
from envmgr.kit import digest
from envmgr.kit.errors import HttpError, SourceError
from envmgr.lockformat.model import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.digest import Digest
    from envmgr.kit.platform import Platform

API = "https://api.github.com"
MAX_PAGES = 10
"""Default limit of pages, with a hundred releases each; the manifest's source may set `pages`."""

_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)
_SUMS = re.compile(
    r"(?:.*[-_.])?(?:sha256[-_.]?sums?|checksums?|shasums(?:256)?|sha256)(?:[-_.]sha256)?(?:\.txt)?",
    re.IGNORECASE,
)
_LONE = (".sha256", ".sha256sum", ".sha256.txt", ".sha256sum.txt")
_ABSENT = 404

Json = dict[str, Any]


def listing(manifest: Manifest, context: Context) -> Listing:
    """List a repository's releases; drafts are not released, and what is called a pre-release is one."""
    releases = (_release(manifest, entry) for entry in _entries(manifest, context))
    return listings.make(release for release in releases if release)


def artifact(manifest: Manifest, release: Release, platform: Platform, context: Context) -> Artifact | None:
    """Find a release's file for a platform: by the manifest's templates, else by the words in its name."""
    if manifest.values(release.version, release.tag, platform) is None:
        return None
    url = manifest.download_url(release.version, release.tag, platform)
    assets = _assets(release)
    if url:
        return _describe_asset(
            url, next((item for item in assets.values() if item["browser_download_url"] == url), {})
        )
    asset = assets.get(_asset_name(manifest, release, platform, assets) or "")
    if asset is None:
        return None
    result = _describe_asset(asset["browser_download_url"], asset)
    return result if result.digest else _add_checksum(result, asset["name"], assets, context)


def repository(manifest: Manifest) -> str:
    """Return the repository: `owner/name`."""
    return str(manifest.source["repo"])


def _asset_name(
    manifest: Manifest, release: Release, platform: Platform, assets: Mapping[str, Json]
) -> str | None:
    asset_name = manifest.asset(release.version, release.tag, platform)
    return asset_name or asset_matching.choose(assets, platform, repository(manifest).rpartition("/")[2])


def _release(manifest: Manifest, entry: Json) -> Release | None:
    """Read one release; None for a draft, or a tag that is not a version of this tool."""
    from envmgr.versions import parse

    version = None if entry.get("draft") else manifest.version_of(entry["tag_name"])
    if version is None:
        return None
    formatted = parse(version).is_prerelease
    # A stable-looking version marked as a pre-release must not be selected.
    withdrawn = bool(entry.get("prerelease")) and not formatted and not manifest.source.get("prerelease")
    return Release(
        version,
        entry["tag_name"],
        date=entry.get("published_at") or entry.get("created_at"),
        prerelease=formatted or bool(entry.get("prerelease")),
        withdrawn=withdrawn,
        entry=entry,
    )


def _entries(manifest: Manifest, context: Context) -> Iterator[Json]:
    api = str(manifest.source.get("api") or API).rstrip("/")
    url: str | None = f"{api}/repos/{repository(manifest)}/releases?per_page=100"
    for _ in range(int(str(manifest.source.get("pages") or MAX_PAGES))):
        if url is None:
            return
        page = _ask(url, api, repository(manifest), context)
        yield from _check_releases(page.body, url)
        url = _next_page(page.headers.get("link", ""), url)


def _ask(url: str, api: str, repo: str, context: Context) -> Any:
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    try:
        return context.lists.document(url, {**headers, **authorization(api, context.settings.github_token)})
    except HttpError as error:
        if error.status == _ABSENT:
            raise SourceError(
                f"repository {repo} not found at {urlsplit(api).netloc} (or private)",
                "check the spelling; for a private one set GITHUB_TOKEN to a token that may read it",
            ) from None
        raise


def authorization(api: str, token: str) -> dict[str, str]:
    """Identify us to GitHub's own API alone: a manifest may name any other, and netrc serves those."""
    return {"Authorization": f"Bearer {token}"} if token and api == API else {}


def _next_page(link: str, url: str) -> str | None:
    """Return the next page's URL; other servers are not followed, as the token would be sent there."""
    match = _NEXT.search(link)
    following = urljoin(url, match[1]) if match else ""
    return following if urlsplit(following)[:2] == urlsplit(url)[:2] else None


def _check_releases(body: bytes, url: str) -> list[Json]:
    try:
        entries = document_decoder.json_of(body.decode("utf-8-sig"))
        if isinstance(entries, list) and all(isinstance(entry["tag_name"], str) for entry in entries):
            return entries
    except (ValueError, KeyError, TypeError):
        pass
    raise SourceError(
        f"unexpected response from {url}: expected a list of releases",
        "check the URL: a proxy or login page may have intercepted the request",
    )


def _assets(release: Release) -> dict[str, Json]:
    entry = cast("Json", release.entry or {})
    return {
        asset["name"]: asset
        for asset in entry.get("assets", ())
        if asset.get("state", "uploaded") == "uploaded"
    }


def _describe_asset(url: str, asset: Mapping[str, Any]) -> Artifact:
    size = asset.get("size")
    return Artifact(url, _digest(asset), size if isinstance(size, int) else None)


def _digest(asset: Mapping[str, Any]) -> Digest | None:
    """Read the digest that GitHub computes for files uploaded since June 2025."""
    try:
        return digest.parse(asset["digest"]) if asset.get("digest") else None
    except ValueError:
        return None


def _add_checksum(artifact: Artifact, name: str, assets: Mapping[str, Json], context: Context) -> Artifact:
    """Return an artifact with the digest from the release's checksum file, if any."""
    for sums, kind in _sums_of(name, assets):
        checksum = {
            "url_template": assets[sums]["browser_download_url"],
            "format": kind,
            "algorithm": "sha256",
        }
        result = checksums.with_digest(artifact, checksum, context.lists)
        if result and result.digest:
            return result
    return artifact


def _sums_of(name: str, assets: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    yield from ((f"{name}{ending}", "bare") for ending in _LONE if f"{name}{ending}" in assets)
    yield from ((other, "sums") for other in sorted(assets) if _SUMS.fullmatch(other))

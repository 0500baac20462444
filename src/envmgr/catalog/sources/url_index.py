"""Releases from a list that upstream publishes at a URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from envmgr.catalog import document_decoder, expression
from envmgr.catalog.release import Release
from envmgr.catalog.release_list import make
from envmgr.kit.errors import SourceError
from envmgr.kit.frozen import replace
from envmgr.lockformat.model import Artifact
from envmgr.versions.version import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.release import Listing
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.digest import Digest
    from envmgr.kit.platform import Platform

MAX_PAGES = 100
_SIZE_DIGITS = 15
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)
_VERSION_FIELDS = ("version", "tag_name", "tag", "name", "key")
_HINT = "the URL or its format has changed; check the manifest"


def listing(manifest: Manifest, context: Context) -> Listing:
    """Return the releases in the document at the manifest's URL."""
    url = url_of(manifest)
    try:
        documents = list(_documents(manifest, context))
        releases = list(_releases(manifest, documents))
        aliases = _channels(manifest, documents)
    except ValueError as error:
        raise SourceError(
            f"cannot parse the releases of {manifest.name} from {url}: {error}", _HINT
        ) from None
    result = _order_listing(manifest, _merge_duplicates(releases), aliases)
    if not result.releases:
        raise SourceError(f"no version of {manifest.name} found at {url}", _HINT)
    return result


def artifact(manifest: Manifest, release: Release, platform: Platform, context: Context) -> Artifact | None:
    """Return the archive of a platform from the list, else from the template."""
    del context
    values = manifest.values(release.version, release.tag, platform)
    if values is None:
        return None
    try:
        result = (
            _artifact(manifest, release, entry, values, platform) for entry in _entry_details(release.entry)
        )
        return next((artifact for artifact in result if artifact), None)
    except ValueError as error:
        raise SourceError(
            f"{url_of(manifest)} on {manifest.name} {release.version}: {error}", _HINT
        ) from None


def url_of(manifest: Manifest) -> str:
    """Return the list's URL."""
    return str(manifest.source.get("url", ""))


def _documents(manifest: Manifest, context: Context) -> Iterator[object]:
    """Decode the list, page by page where it has pages."""
    kind = str(manifest.versions.get("format") or document_decoder.format_of(url_of(manifest)))
    page: str | None = url_of(manifest)
    seen: set[str] = set()
    while page and page not in seen and len(seen) < MAX_PAGES:
        seen.add(page)
        document = context.lists.document(page, limit=document_decoder.LIMITS[kind])
        yield _decode_body(document.body, kind, manifest)
        page = _next_page(document.headers, page) if manifest.versions.get("pages") == "link" else None


def _decode_body(body: bytes, kind: str, manifest: Manifest) -> object:
    pattern = manifest.versions.get("pattern")
    if kind == "text" and pattern:
        return [match[0] for match in re.finditer(str(pattern), body.decode("utf-8", "replace"))]
    if kind == "ndjson" and manifest.versions.get("channels"):
        return [
            document_decoder.value_of(line)
            for line in document_decoder.entries(document_decoder.decode(body, kind))
        ]
    return document_decoder.decode(body, kind)


def _next_page(headers: Mapping[str, str], page: str) -> str | None:
    """Return the `rel="next"` URL (RFC 8288).

    The scheme is kept: servers behind a TLS-terminating proxy link to http.
    """
    match = _NEXT.search(headers.get("link", ""))
    if not match:
        return None
    following, here = urljoin(page, str(match[1])), urlsplit(page)
    same_host = urlsplit(following).netloc == here.netloc
    return here.scheme + str(following[following.index(":") :]) if same_host else str(following)


def _entries(manifest: Manifest, documents: list[object]) -> Iterator[object]:
    path = manifest.versions.get("path")
    for decoded in documents:
        if path == "keys":
            yield from document_decoder.entries(document_decoder.entries_from_object(decoded))
        elif path:
            yield from document_decoder.entries(expression.find(str(path), decoded))
        elif isinstance(decoded, dict):
            yield from _versions_from_object(decoded)
        else:
            yield from document_decoder.entries(decoded)


def _versions_from_object(decoded: dict[str, object]) -> Iterator[object]:
    """Yield entries of an object whose keys look like versions: error documents are objects too."""
    if not any(key[:1].isdigit() or key[1:2].isdigit() for key in decoded):
        raise document_decoder.wrong_type_error("an array, or an object with versions as keys", decoded)
    yield from document_decoder.entries(document_decoder.entries_from_object(decoded))


def _releases(manifest: Manifest, documents: list[object]) -> Iterator[Release]:
    for number, entry in enumerate(_entries(manifest, documents), 1):
        try:
            release = _release(manifest, entry)
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None
        if release:
            yield release


def _release(manifest: Manifest, entry: object) -> Release | None:
    """Read one entry; None if it is not a version of the tool."""
    value = document_decoder.value_of(entry)
    tag = _tag(manifest, value)
    version = manifest.version_of(tag) if tag else None
    if not tag or not version:
        return None
    stable = _find(manifest, "stable", value)
    return Release(
        version,
        tag.strip(),
        date=_string(_find(manifest, "date", value)),
        lts=_lts(_find(manifest, "lts", value)),
        prerelease=parse(version).is_prerelease if stable is None else not stable,
        entry=entry,
    )


def _tag(manifest: Manifest, entry: object) -> str | None:
    if isinstance(entry, str):
        return entry
    if "version" in manifest.versions:
        return _string(_find(manifest, "version", entry))
    if not isinstance(entry, dict):
        raise document_decoder.wrong_type_error("a version", entry)
    return next((_string(entry[field]) for field in _VERSION_FIELDS if field in entry), None)


def _find(manifest: Manifest, field: str, data: object, values: Mapping[str, str] | None = None) -> object:
    option = manifest.versions.get(field)
    return None if option is None else expression.find(str(option), data, values)


def _string(value: object) -> str | None:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _lts(value: object) -> str | None:
    """Read nodejs's `false` or a code name, and others' plain `true`."""
    return (value if isinstance(value, str) else "lts") if value else None


def _channels(manifest: Manifest, documents: list[object]) -> dict[str, str]:
    channels = cast("dict[str, str]", manifest.versions.get("channels") or {})
    result = {
        name: _string(expression.find(expr, decoded))
        for decoded in documents
        for name, expr in channels.items()
    }
    versions = {name: manifest.version_of(tag) for name, tag in result.items() if tag}
    return {name: version for name, version in versions.items() if version}


def _merge_duplicates(releases: list[Release]) -> list[Release]:
    """Merge the entries of one version: some upstreams list a version once per platform."""
    by_version: dict[str, list[Release]] = {}
    for release in releases:
        by_version.setdefault(release.version, []).append(release)
    return [
        same[0] if len(same) == 1 else replace(same[0], entry=tuple(release.entry for release in same))
        for same in by_version.values()
    ]


def _order_listing(manifest: Manifest, releases: list[Release], aliases: dict[str, str]) -> Listing:
    if manifest.versions.get("order") == "given":
        return make(reversed(releases), aliases, in_order=True)
    return make(releases, aliases)


def _artifact(
    manifest: Manifest, release: Release, entry: object, values: Mapping[str, str], platform: Platform
) -> Artifact | None:
    options = manifest.versions
    part = _find(manifest, "artifact", entry, values) if "artifact" in options else entry
    if part is None:
        return None
    if "url" in options:
        result = _string(_find(manifest, "url", part, values))
        url = urljoin(url_of(manifest), result) if result else None
    else:
        url = manifest.download_url(release.version, release.tag, platform)
    if not url:
        return None
    return Artifact(
        url, _digest(_find(manifest, "sha256", part, values)), _size(_find(manifest, "size", part, values))
    )


def _entry_details(entry: object) -> Iterator[object]:
    """Return the decoded entries of a release."""
    yield from map(document_decoder.value_of, entry if isinstance(entry, tuple) else (entry,))


def _digest(value: object) -> Digest | None:
    from envmgr.kit import digest

    text = _string(value)
    return digest.parse(text) if text else None


def _size(value: object) -> int | None:
    """Read a size, which some upstreams write as a string; 0 is what they write for "unknown"."""
    text = _string(value) or ""
    return int(text) or None if text.isascii() and text.isdigit() and len(text) <= _SIZE_DIGITS else None

"""A project's page of a Python package index: JSON (PEP 691, PEP 700) or HTML (PEP 503, PEP 592)."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urldefrag, urljoin

from envmgr.catalog import document_decoder
from envmgr.kit import digest
from envmgr.kit.errors import SourceError
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.kit.digest import Digest

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_ALGORITHMS = ("sha256", "sha512", "sha384", "sha1")


@frozen
class File:
    """One file of a project: its absolute URL and metadata."""

    name: str
    url: str
    digest: Digest | None = None
    size: int | None = None
    uploaded: str | None = None
    yanked: bool = False


def parse(body: bytes, content_type: str, url: str) -> tuple[File, ...]:
    """Read a page that came from a URL; raise SourceError with the URL if it is not an index page."""
    if "json" in content_type or body.lstrip()[:1] == b"{":
        return _from_json(body, url)
    return _from_html(body, url)


def _from_json(body: bytes, url: str) -> tuple[File, ...]:
    try:
        page = cast("dict[str, Any]", document_decoder.json_of(body.decode("utf-8-sig")))
        major = str(page["meta"]["api-version"]).partition(".")[0]
        if major == "1":
            return tuple(_file_of(entry, url) for entry in page["files"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_page(url) from None
    raise SourceError(
        f"unsupported simple API version {page['meta']['api-version']} at {url} (supported: 1)",
        "update envmgr",
    )


def _file_of(entry: dict[str, Any], url: str) -> File:
    size = entry.get("size")
    return File(
        entry["filename"],
        urljoin(url, entry["url"]),
        _strongest(cast("dict[str, str]", entry["hashes"]).items()),
        size if isinstance(size, int) else None,
        entry.get("upload-time"),
        bool(entry.get("yanked", False)),
    )


def _strongest(hashes: Iterable[tuple[str, str]]) -> Digest | None:
    by_algorithm = dict(hashes)
    return next((result for name in _ALGORITHMS if (result := _digest(name, by_algorithm.get(name)))), None)


def _digest(algorithm: str, value: str | None) -> Digest | None:
    try:
        return digest.parse(value, algorithm) if value else None
    except ValueError:
        return None


def _from_html(body: bytes, url: str) -> tuple[File, ...]:
    text = body.decode("utf-8", "replace")
    if "<a" not in text.lower() and "<html" not in text.lower() and "<!doctype" not in text.lower():
        raise _no_page(url)
    anchors = _Anchors(url)
    anchors.feed(text)
    anchors.close()
    return tuple(anchors.files)


class _Anchors(HTMLParser):
    """Collect a page's links."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._base = url
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record a link, or the base URL of all links."""
        attributes = dict(attrs)
        href = attributes.get("href")
        if tag == "base" and href:
            self._base = urljoin(self._base, href)
        elif tag == "a" and href:
            self.files.append(_file_of_link(urljoin(self._base, href), "data-yanked" in attributes))


def _file_of_link(url: str, yanked: bool) -> File:
    file_url, fragment = urldefrag(url)
    algorithm, _, value = fragment.partition("=")
    name = unquote(file_url.partition("?")[0].rpartition("/")[2])
    return File(name, file_url, _strongest([(algorithm, value)]), yanked=yanked)


def _no_page(url: str) -> SourceError:
    return SourceError(
        f"unexpected response from {url}: expected a page of a Python package index",
        "run `pip config list` to check the index: a proxy or login page may have intercepted the request",
    )

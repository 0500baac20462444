"""HTTP cache of upstream lists: conditional requests, and a fallback when upstream is unreachable."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import TYPE_CHECKING, TypeVar, cast

from envmgr.kit.errors import HttpError, InsecureUrl, NetworkError, Offline, RateLimited, StorageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import write_atomic
from envmgr.kit.http import urls
from envmgr.kit.progress import NullProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.http.client import Http, Response
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress

LIMIT = 200 * 2**20
_STORED_HEADERS = ("etag", "last-modified", "link", "content-type")
_NOT_MODIFIED = 304
_SERVER_ERROR = 500

T = TypeVar("T")


@frozen
class Document:
    """A cached list: `url` after redirects, and the stored `headers` (lower case)."""

    body: bytes
    url: str
    headers: Mapping[str, str] = {}


class ListCache:
    """Fetches each URL once a run from upstream, or from `cache/index` if upstream is unreachable."""

    def __init__(self, paths: Paths, http: Http, offline: bool, progress: Progress | None = None) -> None:
        self._paths = paths
        self._http = http
        self._offline = offline
        self._progress = progress or NullProgress()
        self._seen: dict[str, object] = {}
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, limit: int = LIMIT) -> bytes:
        """Return the body of a list; raise NetworkError if it can be neither fetched nor read from cache."""
        return self.document(url, headers, limit=limit).body

    def document(self, url: str, headers: Mapping[str, str] | None = None, *, limit: int = LIMIT) -> Document:
        """Return a list with its headers."""
        key = _key(url, headers or {})
        return self.memoize(f"document {key}", lambda: self._answer(url, headers or {}, key, limit))

    def memoize(self, name: str, make: Callable[[], T]) -> T:
        """Return the result of `make`, called once a run for all threads: a parsed list, a configuration."""
        with self._guard:
            busy = self._busy.setdefault(name, threading.Lock())
        with busy:
            if name not in self._seen:
                self._seen[name] = make()
            return cast("T", self._seen[name])

    def _answer(self, url: str, headers: Mapping[str, str], key: str, limit: int) -> Document:
        if url.startswith("file:"):
            return _document(self._http.get(url, headers, limit=limit))
        path = os.path.join(self._paths.index, key)
        stored = _read(path)
        if self._offline:
            return stored or _refuse(url)
        return self._fetch(url, headers, stored, path, limit)

    def _fetch(
        self, url: str, headers: Mapping[str, str], stored: Document | None, path: str, limit: int
    ) -> Document:
        try:
            response = self._http.get(url, {**headers, **_conditions(stored)}, limit=limit)
        except NetworkError as error:
            if stored is None or not _is_transient(error):
                raise
            self._progress.message(f"{error.message}; using the cached list of {urls.redacted(url)}")
            return stored
        if response.status == _NOT_MODIFIED and stored is not None:
            return stored
        return self._store(_document(response), url, path)

    def _store(self, document: Document, url: str, path: str) -> Document:
        try:
            write_atomic(path, _serialize(document, url), 0o600)
        except StorageError as error:
            # The request has succeeded: a cache that cannot be written must not fail it.
            self._progress.message(f"{error.message}; the list of {urls.redacted(url)} was not cached")
        return document


def _refuse(url: str) -> Document:
    raise Offline(
        f"offline: the list at {urls.redacted(url)} is not cached",
        "run once without --offline (or set `offline` to false)",
    )


def _is_transient(error: NetworkError) -> bool:
    """Return whether an error is temporary."""
    if isinstance(error, InsecureUrl):
        return False
    if isinstance(error, HttpError) and not isinstance(error, RateLimited):
        return error.status >= _SERVER_ERROR
    return True


def _document(response: Response) -> Document:
    stored = {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers}
    return Document(response.body, urls.redacted(response.url), stored)


def _conditions(stored: Document | None) -> dict[str, str]:
    if stored is None:
        return {}
    named = (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since"))
    return {condition: stored.headers[name] for name, condition in named if name in stored.headers}


def _key(url: str, headers: Mapping[str, str]) -> str:
    """Return a list's file name: a digest of its URL without credentials and the requested type.

    Credentials are not hashed: a digest of a short secret reveals it. A request with other credentials is revalidated
    by upstream.
    """
    accept = next((value for name, value in headers.items() if name.lower() == "accept"), "")
    return hashlib.sha256(f"{urls.without_credentials(url)}\n{accept}".encode()).hexdigest()


def _serialize(document: Document, url: str) -> bytes:
    """Write one file, so that no crash can part a body from its validators: a line of JSON, then the body."""
    head = {
        "asked": urls.redacted(url),
        "url": document.url,
        "headers": dict(document.headers),
        "sha256": hashlib.sha256(document.body).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + document.body


def _read(path: str) -> Document | None:
    """Return the cached list; None if it is missing or damaged."""
    try:
        with open(path, "rb") as file:
            head, body = json.loads(file.readline()), file.read()
        if head["sha256"] != hashlib.sha256(body).hexdigest():
            return None
        return Document(body, str(head["url"]), dict(head["headers"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None

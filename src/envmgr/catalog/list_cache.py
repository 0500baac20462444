"""HTTP cache of upstream lists: conditional requests, and a fallback when upstream is unreachable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING, TypeVar, cast

from envmgr.kit.errors import (
    ConnectTimedOut,
    HttpError,
    InsecureUrl,
    NetworkError,
    Offline,
    RateLimited,
    StorageError,
    Unreachable,
)
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
class Fallback:
    """The use of cached data: the error of the request, and the age of the cached copy in seconds."""

    error: NetworkError
    age_seconds: float

    def __str__(self) -> str:
        """Return the error and what is used instead."""
        return f"{self.error.message}; using cached data, {format_age(self.age_seconds)}"


@frozen
class Document:
    """A cached list: `url` after redirects, and the stored `headers` (lower case)."""

    body: bytes
    url: str
    headers: Mapping[str, str] = {}


class ListCache:
    """Fetches each URL once a run from upstream, or from `cache/index` if upstream is unreachable.

    A cached list is requested in one attempt, and an unreachable host once a run. The first use of cached data is
    reported.
    """

    def __init__(self, paths: Paths, http: Http, offline: bool, progress: Progress | None = None) -> None:
        self._paths = paths
        self._http = http
        self._offline = offline
        self._progress = progress or NullProgress()
        self._seen: dict[str, object] = {}
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._outages: dict[str, NetworkError] = {}
        self._fallbacks: list[Fallback] = []

    def cached_only(self) -> ListCache:
        """Return the same cache without requests: lists that are not cached raise Offline."""
        return ListCache(self._paths, self._http, offline=True, progress=self._progress)

    @property
    def fallbacks(self) -> tuple[Fallback, ...]:
        """The uses of cached data so far."""
        return tuple(self._fallbacks)

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
            response = self._request(url, {**headers, **_conditions(stored)}, limit, is_cached=bool(stored))
        except NetworkError as error:
            if stored is None or not _is_transient(error):
                raise
            self._add_fallback(Fallback(error, _age_seconds(path)))
            return stored
        if response.status == _NOT_MODIFIED and stored is not None:
            _mark_current(path)
            return stored
        return self._store(_document(response), url, path)

    def _request(self, url: str, headers: Mapping[str, str], limit: int, *, is_cached: bool) -> Response:
        """Request a list; raise the error of an unreachable host again without a request."""
        peer = self._http.peer(url)
        outage = self._outages.get(peer)
        if outage is not None:
            raise Unreachable(outage.message, outage.hint)
        send = self._http.get_without_retries if is_cached else self._http.get
        try:
            return send(url, headers, limit=limit)
        except (Unreachable, ConnectTimedOut) as error:
            self._outages[peer] = error
            raise

    def _add_fallback(self, fallback: Fallback) -> None:
        with self._guard:
            is_first = not self._fallbacks
            self._fallbacks.append(fallback)
        if is_first:
            self._progress.message(f"warning: {fallback}")

    def _store(self, document: Document, url: str, path: str) -> Document:
        try:
            write_atomic(path, _serialize(document, url), 0o600)
        except StorageError as error:
            # The request has succeeded: a cache that cannot be written must not fail it.
            self._progress.message(f"{error.message}; the list of {urls.redact(url)} was not cached")
        return document


def format_age(seconds: float) -> str:
    """Format the age of cached data: "3 hours old"."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'} old"
    return "less than a minute old"


def _age_seconds(path: str) -> float:
    """Return the seconds since upstream last confirmed a cached list."""
    try:
        return max(time.time() - os.stat(path).st_mtime, 0.0)
    except OSError:
        return 0.0


def _mark_current(path: str) -> None:
    """Record that upstream has confirmed a cached list; a read-only cache keeps its dates."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _refuse(url: str) -> Document:
    raise Offline(
        f"offline: the list at {urls.redact(url)} is not cached",
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
    return Document(response.body, urls.redact(response.url), stored)


def _conditions(stored: Document | None) -> dict[str, str]:
    if stored is None:
        return {}
    headers = (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since"))
    return {condition: stored.headers[name] for name, condition in headers if name in stored.headers}


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
        "asked": urls.redact(url),
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

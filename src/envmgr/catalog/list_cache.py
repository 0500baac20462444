"""HTTP cache of upstream lists: conditional requests, and a fallback when upstream is unreachable.

A list is used without a request while upstream declares it fresh, unless credentials were sent for it, or the request
has some. The time of a cached file is when upstream made or confirmed its list.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
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
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.fs import write_atomic
from envmgr.kit.http import freshness, urls
from envmgr.kit.progress import NullProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.http.client import Http, Response
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress

LIMIT = 200 * 2**20
_STORED_HEADERS = ("link", "content-type")
_VALIDATORS = ("etag", "last-modified")
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
    """A cached list: `url` after redirects, and the stored `headers` (lower case).

    It may be used for its lifetime after `confirmed_at`.
    """

    body: bytes
    url: str
    headers: Mapping[str, str] = {}
    lifetime_seconds: int = 0
    confirmed_at: float = 0.0

    @property
    def fresh_until(self) -> float:
        """Return the time until which the list may be used without a request."""
        return self.confirmed_at + self.lifetime_seconds

    @property
    def is_fresh(self) -> bool:
        """Return whether the list may be used without a request; a time in the future is of another clock."""
        return self.confirmed_at <= time.time() < self.fresh_until


class ListDependencies:
    """Files and directories that lists were read from, and until when they need no request."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._paths: set[str] = set()
        self._directories: set[str] = set()
        self._fresh_until = math.inf

    @property
    def paths(self) -> frozenset[str]:
        """Return the files of the lists."""
        return frozenset(self._paths)

    @property
    def directories(self) -> frozenset[str]:
        """Return the directories whose names are lists."""
        return frozenset(self._directories)

    @property
    def fresh_until(self) -> float:
        """Return the earliest end of freshness: infinite without one, 0 if upstream must be asked each time."""
        return self._fresh_until

    def add(self, path: str) -> None:
        """Add the file of a list, which need not exist."""
        self._paths.add(path)

    def add_directory(self, path: str) -> None:
        """Add a directory whose names are a list, which need not exist."""
        self._directories.add(path)

    def limit_freshness(self, fresh_until: float) -> None:
        """Add the end of freshness of a list."""
        with self._guard:
            self._fresh_until = min(self._fresh_until, fresh_until)

    def forbid_reuse(self) -> None:
        """Add data that may change without notice."""
        self.limit_freshness(0.0)


class ListCache:
    """Fetches each URL once a run from upstream, or from `cache/index` if upstream is unreachable.

    A fresh list is not requested, a cached one in one attempt, and an unreachable host once a run. The first use of
    cached data is reported.
    """

    def __init__(
        self,
        paths: Paths,
        open_http: Callable[[], Http],
        offline: bool,
        progress: Progress | None = None,
        dependencies: ListDependencies | None = None,
    ) -> None:
        self.dependencies = dependencies or ListDependencies()
        self._paths = paths
        self._open_http = open_http
        self._offline = offline
        self._progress = progress or NullProgress()
        self._seen: dict[str, object] = {}
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._outages: dict[str, NetworkError] = {}
        self._fallbacks: list[Fallback] = []

    def cached_only(self) -> ListCache:
        """Return the same cache without requests: lists that are not cached raise Offline."""
        return ListCache(
            self._paths,
            self._open_http,
            offline=True,
            progress=self._progress,
            dependencies=self.dependencies,
        )

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
            self.dependencies.forbid_reuse()
            return _document(self._open_http().get(url, headers, limit=limit))
        path = os.path.join(self._paths.index, key)
        self.dependencies.add(path)
        stored = _read(path)
        if self._offline:
            return stored or _refuse(url)
        if stored is None or not stored.is_fresh or _has_credentials(url, headers):
            self.dependencies.forbid_reuse()  # the cached list of this request counts from the next run on
            return self._fetch(url, headers, stored, path, limit)
        self.dependencies.limit_freshness(stored.fresh_until)
        return stored

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
            return self._confirm(stored, response, url, path)
        return self._store(_document(response), url, path)

    def _confirm(self, stored: Document, response: Response, url: str, path: str) -> Document:
        """Record that upstream has confirmed a cached list, and for how long."""
        confirmed = replace(stored, confirmed_at=_made_at(response))
        if "cache-control" in response.headers or response.is_authorized:
            confirmed = replace(confirmed, lifetime_seconds=_lifetime_seconds(response))
        if confirmed.lifetime_seconds != stored.lifetime_seconds:
            return self._store(confirmed, url, path)
        _set_time(path, confirmed.confirmed_at)
        return confirmed

    def _request(self, url: str, headers: Mapping[str, str], limit: int, *, is_cached: bool) -> Response:
        """Request a list; raise the error of an unreachable host again without a request."""
        http = self._open_http()
        peer = http.peer(url)
        outage = self._outages.get(peer)
        if outage is not None:
            raise Unreachable(outage.message, outage.hint)
        send = http.get_without_retries if is_cached else http.get
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
            _set_time(path, document.confirmed_at)
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


def _set_time(path: str, seconds: float) -> None:
    """Set the time of a cached list; a read-only cache keeps its dates."""
    with contextlib.suppress(OSError):
        os.utime(path, (seconds, seconds))


def _made_at(response: Response) -> float:
    """Return when upstream made or confirmed a response: caches on the way may have kept it since."""
    return time.time() - freshness.age_seconds(response.headers)


def _lifetime_seconds(response: Response) -> int:
    """Return how long a list may be used without a request; 0 if credentials were sent for it.

    A later run may have others, or none.
    """
    return 0 if response.is_authorized else freshness.lifetime_seconds(response.headers)


def _has_credentials(url: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request has credentials: upstream must say what they may read."""
    return "authorization" in map(str.lower, headers) or urls.credentials(url) is not None


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
    is_complete = _is_complete(response)
    names = (*_STORED_HEADERS, *(_VALIDATORS if is_complete else ()))
    return Document(
        response.body,
        urls.redact(response.url),
        {name: response.headers[name] for name in names if name in response.headers},
        _lifetime_seconds(response) if is_complete else 0,
        _made_at(response),
    )


def _is_complete(response: Response) -> bool:
    """Return whether the body cannot have been cut, as one that ends with its connection can."""
    return not {"content-length", "transfer-encoding"}.isdisjoint(response.headers)


def _conditions(stored: Document | None) -> dict[str, str]:
    """Return the headers of a conditional request for a list.

    A validator that cannot be sent is left out: a request with it would always fail.
    """
    if stored is None:
        return {}
    headers = (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since"))
    values = ((condition, stored.headers.get(name, "").strip()) for name, condition in headers)
    return {name: value for name, value in values if value and value.isascii() and value.isprintable()}


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
        "lifetime": document.lifetime_seconds,
        "sha256": hashlib.sha256(document.body).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + document.body


def _read(path: str) -> Document | None:
    """Return the cached list; None if it is missing or damaged."""
    try:
        with open(path, "rb") as file:
            head, body = json.loads(file.readline()), file.read()
            confirmed_at = os.fstat(file.fileno()).st_mtime
        if head["sha256"] != hashlib.sha256(body).hexdigest():
            return None
        lifetime = int(head.get("lifetime", 0))
        return Document(body, str(head["url"]), dict(head["headers"]), lifetime, confirmed_at)
    except (OSError, ValueError, KeyError, TypeError):
        return None

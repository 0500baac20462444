"""Cached signing keys of OIDC issuers (OpenID Connect Discovery 1.0).

Fetched over https, or http on localhost, without redirects. Keys are cached for an hour, and refreshed earlier only for
an unknown key ID, at a limited rate.
"""

from __future__ import annotations

import asyncio
import ipaddress
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from envmgr.kit.errors import NetworkError
from envmgr.kit.http import urls
from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    import httpx

# httpx imports its own command line with itself, and that rich and pygments. It does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None: importing it raises ImportError

FETCH_TIMEOUT_SECONDS = 5.0
MAX_RESPONSE_BYTES = 256 * 2**10
MAX_AGE_SECONDS, STALE_IF_ERROR_SECONDS, MIN_REFRESH_INTERVAL_SECONDS, FAILURE_BACKOFF_SECONDS = (
    3600.0,
    24 * 3600.0,
    60.0,
    10.0,
)
"""Seconds until keys are refreshed, until they are unusable if a refresh fails, between two refreshes, and after a
failed refresh."""
_HTTP_OK = 200

T = TypeVar("T")
Jwk = dict[str, Any]


class IssuerUnavailable(ServiceUnavailable):
    """The issuer's keys cannot be fetched now."""

    slug, title = "issuer-unavailable", "Issuer keys unavailable"


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _Jwks(msgspec.Struct):
    keys: list[Jwk]


@dataclass(slots=True)
class _CachedKeys:
    keys: Mapping[str, Jwk]
    fetched_at: float
    failed_at: float = float("-inf")


class JwksCache:
    """The keys of all issuers in use."""

    def __init__(
        self,
        proxy: Callable[[str], str | None] = lambda _url: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxy = proxy
        self._clock = clock
        self._cache: dict[str, _CachedKeys] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def key(self, issuer: str, kid: str) -> Jwk | None:
        """Return an issuer's key by its ID, None if unknown. Raise IssuerUnavailable."""
        async with self._locks.setdefault(issuer, asyncio.Lock()):
            known = self._cache.setdefault(issuer, _CachedKeys({}, float("-inf")))
            age = self._clock() - known.fetched_at
            if age >= MAX_AGE_SECONDS or (kid not in known.keys and age >= MIN_REFRESH_INTERVAL_SECONDS):
                await self._refresh(issuer, known, kid)
            return known.keys.get(kid)

    async def _refresh(self, issuer: str, cached: _CachedKeys, kid: str) -> None:
        """Fetch the keys; use the cached ones if that fails."""
        now = self._clock()
        will_do = kid in cached.keys and now - cached.fetched_at < STALE_IF_ERROR_SECONDS
        if now - cached.failed_at < FAILURE_BACKOFF_SECONDS:
            if will_do:
                return
            raise IssuerUnavailable(f"fetching keys of {issuer} failed recently", retry_after=10)
        try:
            cached.keys, cached.fetched_at = await self._fetch(issuer), now
        except IssuerUnavailable:
            cached.failed_at = now
            if not will_do:
                raise

    async def _fetch(self, issuer: str) -> Mapping[str, Jwk]:
        discovery = await self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration", _Discovery)
        if discovery.issuer != issuer:
            raise _unavailable(issuer, f"issuer mismatch: metadata has {discovery.issuer[:100]!r}")
        await _require_reachable(issuer, discovery.jwks_uri)
        keys = (await self._json(discovery.jwks_uri, _Jwks)).keys
        return {str(key["kid"]): key for key in keys if "kid" in key and key.get("use", "sig") == "sig"}

    async def _json(self, url: str, kind: type[T]) -> T:
        if not is_secure_url(url):
            raise _unavailable(url, "https required (http only on localhost)")
        httpx = _import_httpx(url)
        try:
            async with (
                asyncio.timeout(FETCH_TIMEOUT_SECONDS),
                httpx.AsyncClient(trust_env=False, proxy=self._proxy(url)) as client,
                client.stream("GET", url, headers={"accept": "application/json"}) as answer,
            ):
                return msgspec.json.decode(await _body(url, answer), type=kind)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _unavailable(url, type(error).__name__) from None
        except msgspec.MsgspecError:
            raise _unavailable(url, "unexpected response") from None


def _import_httpx(url: str) -> ModuleType:
    """Import httpx lazily. Raise IssuerUnavailable if no file can be opened."""
    try:
        import httpx
    except OSError as error:
        raise _unavailable(url, error.strerror or type(error).__name__) from None
    return httpx


async def _body(url: str, answer: httpx.Response) -> bytes:
    if answer.status_code != _HTTP_OK:
        raise _unavailable(url, f"HTTP {answer.status_code}")
    body = b""
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MAX_RESPONSE_BYTES:
            raise _unavailable(url, "response too large")
    return body


async def _require_reachable(issuer: str, jwks_uri: str) -> None:
    """Raise IssuerUnavailable for keys on a loopback or private address, unless the issuer is on one."""
    if await _is_internal(jwks_uri) and not await _is_internal(issuer):
        raise _unavailable(jwks_uri, "jwks_uri is on a loopback or private address, and the issuer is not")


async def _is_internal(url: str) -> bool:
    """Return whether a URL's host has an address that is not globally reachable."""
    try:
        addresses = await _addresses(urls.split(url).hostname or "")
    except (NetworkError, OSError, UnicodeError):
        return False  # without an address, nothing is fetched
    return any(not ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses)


async def _addresses(host: str) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        addresses = await asyncio.get_running_loop().getaddrinfo(host, None)
    return [str(address[4][0]) for address in addresses]


def is_secure_url(url: str) -> bool:
    """Return whether a URL is https, or http on localhost."""
    try:
        scheme = urls.split(url).scheme
        return scheme == "https" or (scheme == "http" and urls.is_loopback(url))
    except NetworkError:
        return False


def _unavailable(url: str, reason: str) -> IssuerUnavailable:
    return IssuerUnavailable(f"cannot fetch keys from {urls.redacted(url)}: {reason}", retry_after=10)

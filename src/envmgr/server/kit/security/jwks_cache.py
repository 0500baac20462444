"""Cached signing keys of OIDC issuers (OpenID Connect Discovery 1.0).

Fetched over https, or http on localhost, without redirects, from addresses that were resolved once and checked. Keys
are cached for an hour, and refreshed earlier only for an unknown key ID, at a limited rate.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from envmgr.kit.errors import NetworkError
from envmgr.kit.http import urls
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.security import issuer_addresses

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    import httpx

    from envmgr.server.kit.security.issuer_addresses import Address

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
_MAX_ADDRESSES = 3
"""Addresses of a host that a connection is tried to; they share the time."""

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
        """Return an issuer's key by its ID, None if unknown; raise IssuerUnavailable."""
        async with self._locks.setdefault(issuer, asyncio.Lock()):
            cached = self._cache.setdefault(issuer, _CachedKeys({}, float("-inf")))
            age = self._clock() - cached.fetched_at
            if age >= MAX_AGE_SECONDS or (kid not in cached.keys and age >= MIN_REFRESH_INTERVAL_SECONDS):
                await self._refresh(issuer, cached, kid)
            return cached.keys.get(kid)

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
        own_addresses = await _resolve(issuer)
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        discovery = await self._json(url, own_addresses, own_addresses, _Discovery)
        if discovery.issuer != issuer:
            raise _unavailable(issuer, f"issuer mismatch: metadata has {discovery.issuer[:100]!r}")
        addresses = await _resolve(discovery.jwks_uri)
        keys = (await self._json(discovery.jwks_uri, addresses, own_addresses, _Jwks)).keys
        return {str(key["kid"]): key for key in keys if "kid" in key and key.get("use", "sig") == "sig"}

    async def _json(
        self, url: str, addresses: Sequence[Address], issuer: Sequence[Address], kind: type[T]
    ) -> T:
        """Fetch a document from those of its host's addresses that are permitted."""
        httpx = _import_httpx(url)
        permitted = issuer_addresses.select_permitted(httpx.URL(url).scheme, addresses, issuer)
        if not permitted:
            raise _unavailable(url, "its host is on a loopback or private address, and the issuer is not")
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                return msgspec.json.decode(
                    await self._body(httpx, url, permitted[:_MAX_ADDRESSES]), type=kind
                )
        except (httpx.HTTPError, OSError) as error:
            raise _unavailable(url, type(error).__name__) from None
        except msgspec.MsgspecError:
            raise _unavailable(url, "unexpected response") from None

    async def _body(self, httpx: ModuleType, url: str, addresses: Sequence[Address]) -> bytes:
        """Fetch a document from the first address that accepts a connection."""
        limits = httpx.Timeout(FETCH_TIMEOUT_SECONDS, connect=FETCH_TIMEOUT_SECONDS / len(addresses))
        *others, last = addresses
        for address in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
                return await self._body_from(httpx, url, address, limits)
        return await self._body_from(httpx, url, last, limits)

    async def _body_from(self, httpx: ModuleType, url: str, address: Address, limits: httpx.Timeout) -> bytes:
        """Fetch from one address; Host, SNI and the certificate's name stay those of the URL."""
        target = httpx.URL(url)
        headers = {"accept": "application/json", "host": target.netloc.decode()}
        async with (
            httpx.AsyncClient(
                trust_env=False,
                proxy=self._proxy(url),
                verify=_tls_context(httpx, target.raw_host.decode()),
                timeout=limits,
            ) as client,
            client.stream("GET", target.copy_with(host=str(address)), headers=headers) as response,
        ):
            return await _read_body(url, response)


def _tls_context(httpx: ModuleType, host: str) -> ssl.SSLContext:
    """Return a context that requires a certificate of a host, whatever address is connected to.

    `sni_hostname` of httpx does that for direct connections only, not through a proxy.
    """
    context: ssl.SSLContext = httpx.create_ssl_context(trust_env=False)
    wrap_bio = context.wrap_bio

    def wrap_bio_for_host(
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,  # noqa: ARG001 - the address
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return wrap_bio(incoming, outgoing, server_side, host, session)

    context.wrap_bio = wrap_bio_for_host  # type: ignore[method-assign] # a subclass would load no default certificates
    return context


async def _resolve(url: str) -> Sequence[Address]:
    """Return the addresses of a secure URL's host; raise IssuerUnavailable if it has none."""
    if not is_secure_url(url):
        raise _unavailable(url, "https required (http only on localhost)")
    httpx = _import_httpx(url)
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
            return await issuer_addresses.resolve(httpx.URL(url).raw_host.decode())
    except (httpx.InvalidURL, TimeoutError, OSError, UnicodeError):
        raise _unavailable(url, "host name cannot be resolved") from None


def _import_httpx(url: str) -> ModuleType:
    """Import httpx lazily; raise IssuerUnavailable if no file can be opened."""
    try:
        import httpx
    except OSError as error:
        raise _unavailable(url, error.strerror or type(error).__name__) from None
    return httpx


async def _read_body(url: str, response: httpx.Response) -> bytes:
    if response.status_code != _HTTP_OK:
        raise _unavailable(url, f"HTTP {response.status_code}")
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_RESPONSE_BYTES:
            raise _unavailable(url, "response too large")
    return body


def is_secure_url(url: str) -> bool:
    """Return whether a URL is https, or http on localhost."""
    try:
        scheme = urls.split(url).scheme
        return scheme == "https" or (scheme == "http" and urls.is_loopback(url))
    except NetworkError:
        return False


def _unavailable(url: str, reason: str) -> IssuerUnavailable:
    return IssuerUnavailable(f"cannot fetch keys from {urls.redact(url)}: {reason}", retry_after=10)

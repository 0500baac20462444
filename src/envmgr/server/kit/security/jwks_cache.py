"""The public keys of issuers of OIDC tokens, fetched from where they say (OpenID Connect Discovery 1.0).

Over https, or http on this machine; no redirect is followed. Keys are kept for an hour, and asked for again before
that only where a token names one that is not there, and not more often than once in a while.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from envmgr.kit.errors import NetworkError
from envmgr.kit.http import urls
from envmgr.server.kit.common.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

# httpx imports its own command line with itself, and that rich and pygments. It does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None: importing it raises ImportError

PATIENCE = 5.0
LARGEST = 256 * 2**10
FRESH, STALE, COOL_DOWN, SULK = 3600.0, 24 * 3600.0, 60.0, 10.0
"""Seconds that keys are taken for current, or will do where no new ones can be had; between two requests for new
ones; and after a failure."""
_OK = 200

T = TypeVar("T")
Jwk = dict[str, Any]


class IssuerUnavailable(Unavailable):
    """The issuer's keys cannot be had now."""

    title = "The issuer's keys cannot be had now"


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _Keys(msgspec.Struct):
    keys: list[Jwk]


@dataclass(slots=True)
class _Known:
    keys: Mapping[str, Jwk]
    asked: float
    failed: float = float("-inf")


class Issuers:
    """The keys of every issuer that was asked."""

    def __init__(
        self,
        proxy: Callable[[str], str | None] = lambda _url: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxy = proxy
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def key(self, issuer: str, kid: str) -> Jwk | None:
        """Return an issuer's key by its name, None where it has none of that name. Raise IssuerUnavailable."""
        async with self._locks.setdefault(issuer, asyncio.Lock()):
            known = self._known.setdefault(issuer, _Known({}, float("-inf")))
            age = self._clock() - known.asked
            if age >= FRESH or (kid not in known.keys and age >= COOL_DOWN):
                await self._renew(issuer, known, kid)
            return known.keys.get(kid)

    async def _renew(self, issuer: str, known: _Known, kid: str) -> None:
        """Ask for the keys; where they cannot be had, those of before go on."""
        now = self._clock()
        will_do = kid in known.keys and now - known.asked < STALE
        if now - known.failed < SULK:
            if will_do:
                return
            raise IssuerUnavailable(f"the keys of {issuer} could not be had a moment ago", retry_after=10)
        try:
            known.keys, known.asked = await self._fetched(issuer), now
        except IssuerUnavailable:
            known.failed = now
            if not will_do:
                raise

    async def _fetched(self, issuer: str) -> Mapping[str, Jwk]:
        discovery = await self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration", _Discovery)
        if discovery.issuer != issuer:
            raise _away(issuer, f"it calls itself {discovery.issuer[:100]!r}")
        keys = (await self._json(discovery.jwks_uri, _Keys)).keys
        return {str(key["kid"]): key for key in keys if "kid" in key and key.get("use", "sig") == "sig"}

    async def _json(self, url: str, kind: type[T]) -> T:
        import httpx

        if not is_safe(url):
            raise _away(url, "only https is asked, or http on this machine")
        try:
            async with (
                asyncio.timeout(PATIENCE),
                httpx.AsyncClient(trust_env=False, proxy=self._proxy(url)) as client,
                client.stream("GET", url, headers={"accept": "application/json"}) as answer,
            ):
                return msgspec.json.decode(await _body(url, answer), type=kind)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _away(url, type(error).__name__) from None
        except msgspec.MsgspecError:
            raise _away(url, "its answer is not what it should be") from None


async def _body(url: str, answer: httpx.Response) -> bytes:
    if answer.status_code != _OK:
        raise _away(url, f"it answered {answer.status_code}")
    body = b""
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > LARGEST:
            raise _away(url, "its answer is too large")
    return body


def is_safe(url: str) -> bool:
    """Say whether what comes from a URL comes from whom it names."""
    try:
        scheme = urls.split(url).scheme
        return scheme == "https" or (scheme == "http" and urls.is_loopback(url))
    except NetworkError:
        return False


def _away(url: str, why: str) -> IssuerUnavailable:
    return IssuerUnavailable(f"{urls.shown(url)} cannot be asked for its keys: {why}", retry_after=10)

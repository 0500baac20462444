from __future__ import annotations

import asyncio

import pytest

from envmgr.server.kit.security import jwks_cache as module
from envmgr.server.kit.security.jwks_cache import IssuerUnavailable, JwksCache, is_secure_url
from support.http.oidc_issuer import running


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def issuer():
    with running() as result:
        yield result


def find_keys(issuer, *kids, issuers=None):
    async def whole():
        cache = issuers or JwksCache()
        return [await cache.key(issuer.url, kid) for kid in kids]

    return asyncio.run(whole())


def test_keys_are_found_by_id_and_requested_once(issuer):
    first, second, none = find_keys(issuer, "RS256", "EdDSA", "unknown")
    assert (first["kid"], second["kid"], none) == ("RS256", "EdDSA", None)
    assert issuer.requests == ["/.well-known/openid-configuration", "/keys"]


def test_concurrent_lookups_share_one_request(issuer):
    async def whole():
        issuers = JwksCache()
        return await asyncio.gather(*(issuers.key(issuer.url, "RS256") for _ in range(10)))

    assert len(asyncio.run(whole())) == 10
    assert len(issuer.requests) == 2


def test_a_new_key_is_fetched_but_unknown_ids_are_not_requested_repeatedly(issuer):
    clock = Clock()

    async def whole():
        issuers = JwksCache(clock=clock)
        await issuers.key(issuer.url, "RS256")
        issuer.jwks = [issuer.jwk("RS256", "new")]
        assert await issuers.key(issuer.url, "new") is None
        clock.now += module.MIN_REFRESH_INTERVAL_SECONDS
        assert (await issuers.key(issuer.url, "new"))["kid"] == "new"
        for n in range(10):
            assert await issuers.key(issuer.url, f"guess{n}") is None
        assert len(issuer.requests) == 4

    asyncio.run(whole())


def test_a_withdrawn_key_expires_after_an_hour(issuer):
    clock = Clock()

    async def whole():
        issuers = JwksCache(clock=clock)
        await issuers.key(issuer.url, "RS256")
        issuer.jwks = []
        clock.now += module.MAX_AGE_SECONDS
        assert await issuers.key(issuer.url, "RS256") is None

    asyncio.run(whole())


def test_cached_keys_of_an_unreachable_issuer_are_valid_for_a_day(issuer):
    clock = Clock()

    async def whole():
        issuers = JwksCache(clock=clock)
        await issuers.key(issuer.url, "RS256")
        issuer.responses["/keys"] = (503, b"", {})
        clock.now += module.MAX_AGE_SECONDS
        assert await issuers.key(issuer.url, "RS256")
        fetch_count = len(issuer.requests)
        assert await issuers.key(issuer.url, "RS256")
        with pytest.raises(IssuerUnavailable):
            await issuers.key(issuer.url, "unknown")
        assert len(issuer.requests) == fetch_count
        clock.now += module.STALE_IF_ERROR_SECONDS
        with pytest.raises(IssuerUnavailable):
            await issuers.key(issuer.url, "RS256")

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("path", "response"),
    [
        ("/keys", (404, b"", {})),
        ("/keys", (200, b"{", {})),
        ("/keys", (200, b"[]", {})),
        ("/keys", (200, b'{"keys": [7]}', {})),
        ("/keys", (200, b" " * (module.MAX_RESPONSE_BYTES + 1), {})),
        ("/keys", (302, b"", {"location": "http://127.0.0.1:1/keys"})),
        ("/.well-known/openid-configuration", (500, b"", {})),
        ("/.well-known/openid-configuration", (200, b"{}", {})),
        ("/.well-known/openid-configuration", (200, b'{"issuer": "x", "jwks_uri": "http://127.0.0.1/"}', {})),
    ],
)
def test_an_invalid_response_of_an_issuer_yields_no_keys(issuer, path, response):
    issuer.responses[path] = response
    with pytest.raises(IssuerUnavailable):
        find_keys(issuer, "RS256")


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/keys", "ftp://127.0.0.1/keys", "file:///etc/passwd", "keys", ""]
)
def test_keys_are_not_fetched_over_insecure_urls(issuer, url):
    issuer.discovery["jwks_uri"] = url
    with pytest.raises(IssuerUnavailable):
        find_keys(issuer, "RS256")


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://ci.example", True),
        ("HTTPS://ci.example", True),
        ("http://localhost:1/x", True),
        ("http://127.0.0.1", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://ci.example", False),
        ("https://[", False),
        ("http://0[", False),
        ("https://", False),
    ],
)
def test_only_https_and_loopback_urls_are_secure(url, safe):
    assert is_secure_url(url) is safe


def test_a_slow_issuer_times_out(issuer, monkeypatch):
    import threading

    monkeypatch.setattr(module, "FETCH_TIMEOUT_SECONDS", 0.05)
    go = threading.Event()
    respond = issuer.respond
    issuer.respond = lambda path: go.wait(5) and respond(path)
    try:
        with pytest.raises(IssuerUnavailable):
            find_keys(issuer, "RS256")
    finally:
        go.set()

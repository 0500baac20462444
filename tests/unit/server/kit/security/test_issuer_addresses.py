"""Keys of issuers are fetched from the addresses that were checked, whatever a name resolves to later."""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import ip_address

import httpx
import pytest

from envmgr.server.kit.security import issuer_addresses
from envmgr.server.kit.security.jwks_cache import IssuerUnavailable, JwksCache
from support.http.fault_server import Authority, Server

KEYS = {"keys": [{"kid": "k", "kty": "OKP"}]}
PUBLIC, OTHER_PUBLIC = "8.8.8.8", "9.9.9.9"


class Resolver:
    """A resolver with an answer for each look-up of a name; the last one stays."""

    def __init__(self):
        self.results = {}
        self.names = []

    def getaddrinfo(self, host, port, *_args, **_options):
        name = host.decode() if isinstance(host, bytes) else host
        if name == "127.0.0.1":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, port))]
        self.names.append(name)
        results = self.results.get(name)
        if not results:
            raise socket.gaierror(socket.EAI_NONAME, "name not known")
        addresses = results.pop(0) if len(results) > 1 else results[0]
        return [(_family(item), socket.SOCK_STREAM, 6, "", (item, port or 0)) for item in addresses]


def _family(address):
    return socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6


@pytest.fixture
def resolver(monkeypatch):
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    return resolver


@pytest.fixture(scope="module")
def name_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("names"), "ci.example", "keys.example", "127.0.0.1")


@pytest.fixture
def https(name_authority, monkeypatch):
    """Yield a server with a certificate of ci.example and keys.example, whose authority httpx trusts."""
    context = httpx.create_ssl_context

    def trusting(**options):
        result = context(**options)
        result.load_verify_locations(name_authority.pem)
        return result

    monkeypatch.setattr(httpx, "create_ssl_context", trusting)
    with Server(name_authority) as server:
        yield server


def publish(server, issuer, jwks_uri):
    server.add_json("/.well-known/openid-configuration", {"issuer": issuer, "jwks_uri": jwks_uri})
    server.add_json("/keys", KEYS)
    return issuer


def fetch(issuer, proxy=None):
    return asyncio.run(JwksCache(lambda _url: proxy).key(issuer, "k"))


def test_a_name_is_resolved_once_and_its_checked_address_connected_to(https, resolver):
    issuer = f"https://ci.example:{https.port}"
    resolver.results = {
        "ci.example": [["127.0.0.1"], ["192.0.2.1"]],
        "keys.example": [["127.0.0.1"], ["192.0.2.1"]],
    }
    assert fetch(publish(https, issuer, f"https://keys.example:{https.port}/keys"))["kid"] == "k"
    assert resolver.names == ["ci.example", "keys.example"]
    assert [request.headers["host"] for request in https.requests] == [
        f"ci.example:{https.port}",
        f"keys.example:{https.port}",
    ]


def test_the_certificate_must_be_one_of_the_name(https, resolver):
    issuer = f"https://other.example:{https.port}"
    resolver.results = {"other.example": [["127.0.0.1"]]}
    with pytest.raises(IssuerUnavailable, match="ConnectError"):
        fetch(publish(https, issuer, f"{issuer}/keys"))
    assert https.requests == []


def test_the_next_address_is_tried_if_one_refuses_the_connection(https, resolver):
    issuer = f"https://ci.example:{https.port}"
    resolver.results = {"ci.example": [["::1", "127.0.0.1"]]}
    assert fetch(publish(https, issuer, f"{issuer}/keys"))["kid"] == "k"


@pytest.mark.parametrize(
    "internal", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "fd00::1", "64:ff9b::a00:8"]
)
@pytest.mark.parametrize("url", ["https://keys.example/keys", "https://{}/keys"])
def test_keys_of_a_public_issuer_are_not_fetched_from_internal_addresses(https, resolver, internal, url):
    resolver.results = {"ci.example": [[PUBLIC]], "keys.example": [[internal]]}
    jwks_uri = url.format(f"[{internal}]" if ":" in internal else internal)
    with Server() as proxy:
        proxy.tunnel_to = ("127.0.0.1", https.port)
        with pytest.raises(IssuerUnavailable, match="loopback or private"):
            fetch(publish(https, "https://ci.example", jwks_uri), proxy.url)
        assert proxy.tunnels == [f"{PUBLIC}:443"]


def test_behind_a_proxy_the_checked_addresses_are_requested(https, resolver):
    resolver.results = {
        "ci.example": [[PUBLIC], ["127.0.0.1"]],
        "keys.example": [["10.0.0.8", OTHER_PUBLIC], ["127.0.0.1"]],
    }
    with Server() as proxy:
        proxy.tunnel_to = ("127.0.0.1", https.port)
        issuer = publish(https, "https://ci.example", "https://keys.example/keys")
        assert fetch(issuer, proxy.url)["kid"] == "k"
        assert proxy.tunnels == [f"{PUBLIC}:443", f"{OTHER_PUBLIC}:443"]
    assert [request.headers["host"] for request in https.requests] == ["ci.example", "keys.example"]


def test_behind_a_proxy_the_certificate_must_be_one_of_the_name(https, resolver):
    resolver.results = {"other.example": [[PUBLIC]]}
    with Server() as proxy:
        proxy.tunnel_to = ("127.0.0.1", https.port)
        with pytest.raises(IssuerUnavailable, match="ConnectError"):
            fetch(publish(https, "https://other.example", "https://other.example/keys"), proxy.url)
    assert https.requests == []


@pytest.mark.parametrize("unknown", ["ci.example", "keys.example"])
def test_a_name_that_does_not_resolve_is_unavailable_also_behind_a_proxy(https, resolver, unknown):
    resolver.results = {"ci.example": [[PUBLIC]], "keys.example": [[PUBLIC]]}
    del resolver.results[unknown]
    with Server() as proxy:
        proxy.tunnel_to = ("127.0.0.1", https.port)
        issuer = publish(https, "https://ci.example", "https://keys.example/keys")
        with pytest.raises(IssuerUnavailable, match=f"{unknown}.*cannot be resolved"):
            fetch(issuer, proxy.url)
        assert len(proxy.tunnels) == (unknown == "keys.example")


def test_http_is_used_for_addresses_of_this_machine_only(resolver):
    resolver.results = {"ci.localhost": [["192.0.2.1"]]}
    with pytest.raises(IssuerUnavailable, match="loopback or private"):
        fetch("http://ci.localhost:1")


def test_the_trust_store_is_not_weakened():
    from envmgr.server.kit.security.jwks_cache import _tls_context

    context = _tls_context(httpx, "ci.example")
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("address", "internal"),
    [
        (PUBLIC, False),
        ("2606:4700::1111", False),
        ("127.0.0.1", True),
        ("0.0.0.0", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("192.168.1.1", True),
        ("::1", True),
        ("fe80::1", True),
        ("::ffff:10.0.0.1", True),
        ("2002:a00:1::1", True),
        ("64:ff9b::7f00:1", True),
        ("64:ff9b::808:808", False),
    ],
)
def test_internal_addresses(address, internal):
    assert issuer_addresses.is_internal(ip_address(address)) is internal

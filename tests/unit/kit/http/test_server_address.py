"""Normalization of server addresses."""

from __future__ import annotations

import pytest

from envmgr.kit.config.settings import parse_value
from envmgr.kit.errors import ConfigError, NetworkError
from envmgr.kit.http import urls


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://alm.example.com", "https://alm.example.com"),
        (" HTTPS://ALM.Example.com:443/ ", "https://alm.example.com"),
        ("https://example.com/alm//", "https://example.com/alm"),
        ("http://localhost:80", "http://localhost"),
        ("alm.example.com", "https://alm.example.com"),
        ("alm.example.com:8443", "https://alm.example.com:8443"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_normalized(text, address):
    assert urls.normalize_server_url(text) == address


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("http://localhost:8080/", "http://127.0.0.1:8080"),
        ("LOCALHOST:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://127.0.0.1"),
        ("http://localhost/localhost", "http://127.0.0.1/localhost"),
        ("https://localhost.example.com", "https://localhost.example.com"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("ftp://localhost", "ftp://localhost"),
    ],
)
def test_localhost_and_its_address_are_one_server(text, identity):
    assert urls.server_identity(text) == identity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://a",
        "file:///a",
        "https://",
        "https://a:b",
        "https://u:p@a",
        "https://a?x=1",
        "https://a#b",
        "https://[",
    ],
)
def test_an_invalid_address_is_rejected_without_its_secrets(text):
    with pytest.raises(NetworkError) as caught:
        urls.normalize_server_url(text)
    assert "u:p" not in caught.value.message


@pytest.mark.parametrize("text", ["https://alm.example.com/", "alm.example.com", "http://127.0.0.1:8080"])
def test_the_setting_accepts_addresses(text):
    assert parse_value("alm_url", text) == text.rstrip("/")


@pytest.mark.parametrize("text", ["", "ftp://a", "https://", "https://u:p@a", "https://a b", "https://a?x"])
def test_the_setting_rejects_invalid_addresses(text):
    with pytest.raises(ConfigError, match="invalid value for alm_url"):
        parse_value("alm_url", text)

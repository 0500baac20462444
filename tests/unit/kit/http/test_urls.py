"""URLs: redaction, hosts, origins and mirrors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.kit.errors import NetworkError
from envmgr.kit.http import urls


@pytest.mark.parametrize(
    ("url", "displayed"),
    [
        ("https://a.b/c?page=2&per_page=100#x", "https://a.b/c?page=2&per_page=100"),
        ("https://me:secret@a.b:8080/c", "https://a.b:8080/c"),
        (
            "https://a.b/c?access_token=x&X-Amz-Signature=y&sig=z",
            "https://a.b/c?access_token=…&X-Amz-Signature=…&sig=…",
        ),
        ("https://a.b/c?x=" + "y" * 33, "https://a.b/c?x=…"),
        ("https://[me:secret@a", "a"),
        ("pypi:ruff/ruff.whl", "pypi:ruff/ruff.whl"),
    ],
)
def test_the_display_form_contains_no_secret(url, displayed):
    assert urls.redact(url) == displayed


@given(st.text(max_size=80))
def test_any_text_is_displayed_or_rejected_with_a_network_error(text):
    urls.redact(text)
    try:
        urls.split(text)
    except NetworkError:
        return
    urls.host(text)
    urls.is_loopback(text)
    urls.credentials(text)
    assert "@" not in urls.split(urls.without_credentials(text)).netloc


def test_login_is_decoded():
    assert urls.credentials("https://me%40home:a%3Ab@x/") == ("me@home", "a:b")
    assert urls.credentials("https://me@x/") == ("me", "")
    assert urls.credentials("https://x/") is None


def test_host_has_the_port_where_it_is_unusual():
    assert urls.host("https://A.b:443/") == "a.b"
    assert urls.host("http://a.b:8080/") == "a.b:8080"
    assert urls.host("file:///a") == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "x.localhost", "[::1]", "LOCALHOST"])
def test_loopback_hosts_are_recognized(host):
    assert urls.is_loopback(f"http://{host}:80/")


@pytest.mark.parametrize(
    "host", ["127.evil.com", "127.0.0.1.evil.com", "localhost.evil.com", "10.0.0.1", "[::2]", "127.1"]
)
def test_other_hosts_are_not_loopback(host):
    assert not urls.is_loopback(f"http://{host}/")


@pytest.mark.parametrize(
    ("item", "other", "same"),
    [
        ("https://a/x", "https://a:443/y", True),
        ("http://a/x", "https://a/y", True),
        ("https://a/x", "http://a/y", False),
        ("http://a:8080/x", "https://a:8443/y", False),
        ("https://a/x", "https://a:444/y", False),
        ("https://a/x", "https://b/x", False),
        ("https://a/x", "https://a.b/x", False),
        ("https://A/x", "https://a/x", True),
    ],
)
def test_the_same_origin_is_host_and_port_or_an_upgrade_to_https(item, other, same):
    assert urls.has_same_authority(item, other) is same


@pytest.mark.parametrize(
    ("url", "mirrored"),
    [
        ("https://a.b/dist/v1/x", "https://m/long/v1/x"),
        ("https://a.b/x", "https://m/x"),
        ("https://a.b", "https://m"),
        ("https://a.b?x=1", "https://m?x=1"),
        ("https://a.b.evil/x", "https://a.b.evil/x"),
        ("https://a.b:8443/x", "https://a.b:8443/x"),
        ("https://a.c/v20", "https://n/20"),
    ],
)
def test_the_longest_mirror_prefix_is_replaced_at_host_boundaries_only(url, mirrored):
    pairs = (
        ("https://a.b", "https://m"),
        ("https://a.b/dist/", "https://m/long/"),
        ("https://a.c/v", "https://n/"),
    )
    assert urls.apply_mirror(url, pairs) == mirrored


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://me:secret@a.b/c?x=1#y", "https://a.b/c?x=1"),
        ("npm:@scope/name/1.0.0", "npm:@scope/name/1.0.0"),
        ("pypi:ruff/ruff.whl", "pypi:ruff/ruff.whl"),
    ],
)
def test_a_package_url_is_recorded_unchanged(url, recorded):
    assert urls.lock_url(url) == recorded


@pytest.mark.parametrize("url", ["https://example.com/\udcf6", "https://\udcf6/", "https://e.com/?a=\udcf6"])
def test_a_url_that_is_not_utf8_is_invalid(url):
    with pytest.raises(NetworkError, match="invalid URL"):
        urls.split(url)

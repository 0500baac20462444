"""Proxies of the environment, and their exceptions."""

from __future__ import annotations

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError
from envmgr.kit.http.proxies import proxy_for

PROXY = "http://proxy.corp:3128"


def proxy(url, **variables):
    return proxy_for(url, Environment(variables, "/"))


def test_the_scheme_selects_the_proxy_and_lower_case_wins():
    both = {"http_proxy": "http://one", "HTTPS_PROXY": "http://two"}
    assert proxy("http://a/", **both) == "http://one"
    assert proxy("https://a/", **both) == "http://two"
    assert proxy("https://a/", https_proxy="http://small", HTTPS_PROXY="http://large") == "http://small"
    assert proxy("https://a/", ALL_PROXY=PROXY) == PROXY
    assert proxy("https://a/", HTTP_PROXY=PROXY) is None
    assert proxy("https://a/") is None


def test_a_proxy_without_a_scheme_is_http():
    assert proxy("https://a/", HTTPS_PROXY=" proxy.corp:3128 ") == PROXY


def test_an_unsupported_proxy_is_rejected_without_its_password():
    with pytest.raises(ConfigError, match=r"invalid proxy URL in HTTPS_PROXY: socks5://proxy\.corp"):
        proxy("https://a/", HTTPS_PROXY="socks5://me:secret@proxy.corp")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_loopback_is_reached_without_a_proxy(host):
    assert proxy(f"http://{host}:8080/", http_proxy=PROXY) is None


@pytest.mark.parametrize(
    ("url", "exempt"),
    [
        ("https://corp.com/", "corp.com"),
        ("https://git.corp.com/", "corp.com"),
        ("https://git.corp.com/", ".corp.com"),
        ("https://git.corp.com/", "*.corp.com"),
        ("https://GIT.corp.com/", "x, Corp.com ,y"),
        ("https://git.corp.com:8443/", "corp.com:8443"),
        ("https://anything/", "*"),
        ("https://10.1.2.3/", "10.0.0.0/8"),
        ("https://10.1.2.3/", "10.1.2.3"),
        ("https://10.1.2.3:8443/", "10.1.2.3:8443"),
        ("https://[fd00::1]/", "fd00::/8"),
        ("https://[fd00::1]/", "[fd00::1]"),
    ],
)
def test_excluded_hosts_are_reached_without_a_proxy(url, exempt):
    assert proxy(url, HTTPS_PROXY=PROXY, NO_PROXY=exempt) is None
    assert proxy(url, HTTPS_PROXY=PROXY, no_proxy=exempt) is None


@pytest.mark.parametrize(
    ("url", "exempt"),
    [
        ("https://mycorp.com/", "corp.com"),
        ("https://corp.com.evil/", "corp.com"),
        ("https://git.corp.com/", "corp.com:8443"),
        ("https://11.1.2.3/", "10.0.0.0/8"),
        ("https://10.1.2.3/", "fd00::/8 corp.com"),
        ("https://a/", ", ."),
    ],
)
def test_other_hosts_are_reached_through_the_proxy(url, exempt):
    assert proxy(url, HTTPS_PROXY=PROXY, NO_PROXY=exempt) == PROXY

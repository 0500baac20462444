from __future__ import annotations

import pytest

from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.http.client_address import TrustedProxies, client_network


def forwarded(*lines):
    return [(b"host", b"alm"), *((b"x-forwarded-for", line.encode()) for line in lines)]


def test_forwarded_headers_are_ignored_without_trusted_proxies():
    assert TrustedProxies().client_address("10.0.0.1", forwarded("1.2.3.4")) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["9.9.9.9, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["9.9.9.9", "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["[2001:DB8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["1.2.3.4, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["é"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("8.8.8.8", ["1.2.3.4"], "8.8.8.8"),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_only_the_client_address_from_a_trusted_proxy_is_used(peer, lines, client):
    assert TrustedProxies(["10.0.0.0/8"]).client_address(peer, forwarded(*lines)) == client


def test_an_invalid_proxy_address_is_rejected():
    with pytest.raises(SettingsError, match="ALM_TRUSTED_PROXIES"):
        TrustedProxies(["proxy"])


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("unix", "unix"),
    ],
)
def test_ipv6_addresses_are_grouped_by_network(address, network):
    assert client_network(address) == network

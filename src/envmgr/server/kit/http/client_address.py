"""Where a request comes from: the other end of the connection, unless that is a proxy whose word is taken."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from envmgr.server.kit.config.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

_IPV6_PREFIX_BITS = 64
"""Bits of an IPv6 address that name who has it; the rest they choose."""
_VERSION = 6


class TrustedProxies:
    """The proxies whose X-Forwarded-For is believed, by address or network."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = [_network(each) for each in trusted]

    def client_address(self, peer: str, pairs: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the address of the nearest client that is no proxy of ours, by a request's headers."""
        if not self._trusted:
            return peer
        client = peer
        forwarded = b",".join(value for name, value in pairs if name == b"x-forwarded-for")
        for hop in reversed(forwarded.decode("latin-1").split(",")):
            if not self._is_trusted(client):
                break
            found = _canonical(hop.strip())
            if not found:
                break
            client = found
        return client

    def _is_trusted(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._trusted)
        except ValueError:
            return False


@lru_cache(maxsize=1024)
def client_network(address: str) -> str:
    """Return whom an address stands for: itself, or its IPv6 network."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return (
        str(ip_network((address, _IPV6_PREFIX_BITS), strict=False)) if found.version == _VERSION else address
    )


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(
            f"ALM_TRUSTED_PROXIES names {text!r}",
            "each must be an address or a network: 10.0.0.1, 10.0.0.0/8",
        ) from None


def _canonical(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""

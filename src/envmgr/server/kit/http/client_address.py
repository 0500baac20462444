"""Client addresses behind trusted proxies (X-Forwarded-For)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from envmgr.server.kit.config.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

_IPV6_PREFIX_BITS = 64
"""Prefix length that identifies one IPv6 subscriber."""
_VERSION = 6


class TrustedProxies:
    """Proxies whose X-Forwarded-For is trusted, by address or network."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = [_network(item) for item in trusted]

    def client_address(self, peer: str, pairs: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the nearest address in the forwarding chain that is not a trusted proxy."""
        if not self._trusted:
            return peer
        client = peer
        forwarded = b",".join(value for name, value in pairs if name == b"x-forwarded-for")
        for hop in reversed(forwarded.decode("latin-1").split(",")):
            if not self._is_trusted(client):
                break
            address_ = _canonical(hop.strip())
            if not address_:
                break
            client = address_
        return client

    def _is_trusted(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._trusted)
        except ValueError:
            return False


@lru_cache(maxsize=1024)
def client_network(address: str) -> str:
    """Return the network of one client: the IPv4 address, or the IPv6 prefix."""
    try:
        address_ = ip_address(address)
    except ValueError:
        return address
    return (
        str(ip_network((address, _IPV6_PREFIX_BITS), strict=False))
        if address_.version == _VERSION
        else address
    )


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(
            f"invalid ALM_TRUSTED_PROXIES entry {text!r}",
            "use addresses or networks, such as 10.0.0.1 or 10.0.0.0/8",
        ) from None


def _canonical(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""

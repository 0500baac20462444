"""Network addresses of OIDC issuers: resolved once, checked, and connected to as checked."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Address = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_MASK = 2**32 - 1


async def resolve(host: str) -> Sequence[Address]:
    """Return the addresses of a host, in order of preference; raise OSError or UnicodeError."""
    try:
        return [ip_address(host)]
    except ValueError:
        rows = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(row[4][0]).partition("%")[0]) for row in rows))


def is_internal(address: Address) -> bool:
    """Return whether an address, or the IPv4 address within it, is not globally reachable."""
    return not (address.is_global and _embedded_ipv4(address).is_global)


def is_loopback(address: Address) -> bool:
    """Return whether an address is the machine itself."""
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def select_permitted(
    scheme: str, addresses: Sequence[Address], issuer: Sequence[Address]
) -> Sequence[Address]:
    """Return the addresses that keys may be fetched from.

    Internal ones require an issuer that has only internal ones; http requires loopback.
    """
    allows_internal = all(map(is_internal, issuer))
    return [
        address
        for address in addresses
        if (allows_internal or not is_internal(address)) and (scheme == "https" or is_loopback(address))
    ]


def _embedded_ipv4(address: Address) -> Address:
    """Return the IPv4 address to which a mapped, 6to4 or NAT64 address leads, else the address."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_MASK)
    return address.ipv4_mapped or address.sixtofour or address

"""Settings of the event bus: its broker, and the names that are used there.

`BUS_URL` names the broker (`inprocess://`, `nats://HOST:PORT`, `kafka://HOST:PORT`, several hosts with commas);
`NATS_URL`, `NATS_HOST` with `NATS_PORT`, and `KAFKA_BROKER` are other ways to do so. `tls://` and
`kafka+ssl://` are encrypted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envmgr.kit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.kit.environment import Environment

IN_PROCESS, NATS, KAFKA = "inprocess", "nats", "kafka"
PREFIX = "alm"
_NATS_PORT, _KAFKA_PORT = "4222", "9092"
_MAX_PORT = 65535
_SCHEMES = {"nats": NATS, "tls": NATS, "kafka": KAFKA, "kafka+ssl": KAFKA}
_KINDS = {
    "BUS_URL": (IN_PROCESS, NATS, KAFKA),
    "NATS_URL": (NATS,),
    "NATS_HOST": (NATS,),
    "KAFKA_BROKER": (KAFKA,),
}
"""The kinds of bus that each variable may name."""
_EXAMPLES = {IN_PROCESS: "inprocess://", NATS: "nats://HOST:PORT", KAFKA: "kafka://HOST:PORT"}
_PORTS = {NATS: _NATS_PORT, KAFKA: _KAFKA_PORT}
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_REPLICAS = ("1", "3", "5")


class SettingsError(ConfigError):
    """A setting is invalid; the message names it and the hint the valid values."""


@dataclass(frozen=True, slots=True)
class BusSettings:
    """The broker, and the prefix of everything that this installation declares there."""

    kind: str = IN_PROCESS
    servers: tuple[str, ...] = ()
    """Addresses of the broker, as its client expects them; they may contain a password."""
    prefix: str = PREFIX
    replicas: int = 1
    """Servers that each store the events, where the broker is a cluster."""

    @property
    def address(self) -> str:
        """The addresses without credentials, for messages."""
        return ",".join(server.rpartition("@")[2].rpartition("/")[2] for server in self.servers)


def read(environment: Environment) -> BusSettings:
    """Return the settings of the bus; raise SettingsError."""
    urls = dict(_urls(environment))
    prefix = environment.get("ALM_BUS_PREFIX", PREFIX)
    if not _PREFIX.fullmatch(prefix):
        raise SettingsError(
            f"invalid ALM_BUS_PREFIX {prefix!r}", "use up to 32 letters, digits, underscores and hyphens"
        )
    replicas = environment.get("ALM_BUS_REPLICAS", "1")
    if replicas not in _REPLICAS:
        raise SettingsError(f"invalid ALM_BUS_REPLICAS {replicas!r}", "expected 1, 3 or 5")
    if not urls:
        _require_no_broker_settings(environment)
        return BusSettings()
    (name, url), *others = urls.items()
    for other, other_url in others:
        if _parse(other, other_url) != _parse(name, url):
            raise SettingsError(f"{name} and {other} name different buses", f"unset {other}")
    kind, servers = _parse(name, url)
    if kind == IN_PROCESS:
        _require_no_broker_settings(environment)
    return BusSettings(kind, servers, prefix, int(replicas))


def _require_no_broker_settings(environment: Environment) -> None:
    """Raise SettingsError for what only a broker has."""
    for name in ("ALM_BUS_PREFIX", "ALM_BUS_REPLICAS"):
        if environment.get(name):
            raise SettingsError(
                f"{name} has no effect without a broker",
                f"set BUS_URL to nats://HOST:{_NATS_PORT} or kafka://HOST:{_KAFKA_PORT}, or unset {name}",
            )


def _urls(environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield the variables that are set, each with the URL that it means."""
    for name in ("BUS_URL", "NATS_URL"):
        if url := environment.get(name):
            yield name, url
    if host := environment.get("NATS_HOST"):
        yield "NATS_HOST", f"nats://{host}:{environment.get('NATS_PORT', _NATS_PORT)}"
    elif environment.get("NATS_PORT"):
        raise SettingsError("NATS_PORT is set without NATS_HOST", "set NATS_HOST, or unset NATS_PORT")
    if brokers := environment.get("KAFKA_BROKER"):
        yield "KAFKA_BROKER", brokers if "://" in brokers else f"kafka://{brokers}"


def _parse(name: str, url: str) -> tuple[str, tuple[str, ...]]:
    """Return the kind of bus and the addresses of its servers."""
    scheme, _, hosts = url.partition("://")
    kinds = _KINDS[name]
    if scheme == IN_PROCESS and IN_PROCESS in kinds and not hosts.strip("/"):
        return IN_PROCESS, ()
    if _SCHEMES.get(scheme) not in kinds:
        raise SettingsError(
            f"unsupported {name} scheme {scheme.partition(':')[0]}: expected {' or '.join(kinds)}",
            f"unset {name}, or set it to {' or '.join(_EXAMPLES[kind] for kind in kinds)}",
        )
    servers = tuple(_server(name, scheme, part) for part in hosts.rstrip("/").split(","))
    if _SCHEMES[scheme] == KAFKA:
        _require_single_user(name, servers)
    return _SCHEMES[scheme], servers


def _require_single_user(name: str, servers: Iterable[str]) -> None:
    """Raise SettingsError unless at most one user is named, with a password."""
    users = {server.rpartition("@")[0] for server in servers} - {""}
    if len(users) > 1 or any(not urlsplit(f"{user}@host").password for user in users):
        raise SettingsError(
            f"invalid {name}: requires one user and a password",
            "use SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT",
        )


def _server(name: str, scheme: str, text: str) -> str:
    """Return the URL of one server; raise SettingsError without its text, which may contain a password."""
    url = text if "://" in text else f"{scheme}://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != scheme or not parts.hostname or parts.path or parts.query or port == 0:
        raise SettingsError(f"invalid {name}: not an address of a server", f"use {scheme}://HOST:PORT")
    return url if port else f"{url}:{_PORTS[_SCHEMES[scheme]]}"

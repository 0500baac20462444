"""Settings of a service that runs in a process of its own, and calls others over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envmgr.server.kit.config.bus_settings import IN_PROCESS, SettingsError
from envmgr.server.kit.config.settings import (
    read_common,
    read_data_dir,
    read_port,
    require_no_database_urls,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from envmgr.kit.environment import Environment
    from envmgr.server.kit.config.settings import Settings

_SCHEMES = {"grpc": False, "grpcs": True}
"""Schemes of peers' addresses, and whether they mean TLS."""
_TLS_VARIABLES = ("GRPC_TLS_CERT", "GRPC_TLS_KEY", "GRPC_TLS_CA")


@dataclass(frozen=True, slots=True)
class ServicePorts:
    """The default ports of a service."""

    http: int
    grpc: int


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """The settings that differ between services."""

    ports: Mapping[str, ServicePorts]
    """The default ports of each service."""
    owners: Mapping[str, Collection[str]]
    """The services in which a variable has an effect, where it has none in others."""
    key_variables: Mapping[str, str]
    """The services that have a data directory for a key, each with the variable that replaces it."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of a service's certificate chain and key, and of the authority of its peers, as PEM."""

    certificates: str
    key: str
    authority: str


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Settings of one service."""

    service: str
    common: Settings
    grpc_port: int
    peers: Mapping[str, str]
    """The gRPC target of each other service: HOST:PORT, or the addresses of its replicas after `ipv4:` or `ipv6:`."""
    service_key: str = ""
    """Private key that signs this service's calls, or the path of a file with it."""
    service_jwks: str = ""
    """Public keys of all services, or the path of a file with them."""
    tls: TlsFiles | None = None


def read_service(
    environment: Environment,
    flags: Mapping[str, str | int | bool | None],
    service: str,
    rules: ServiceRules,
) -> ServiceSettings:
    """Return the settings of a service; raise SettingsError, UsageError."""
    ports = rules.ports
    has_files = service in rules.key_variables and not environment.get(rules.key_variables[service])
    _require_effective(environment, flags, service, rules.owners)
    if not has_files:
        _require_no_data_dir(environment, flags, service)
    require_no_database_urls(environment, ports, service)
    common = read_common(
        environment,
        flags,
        read_data_dir(environment, flags.get("data_dir")) if has_files else "",
        port=ports[service].http,
        service_name=f"envmgr-alm-{service}",
    )
    _require_shared(common, service)
    tls = _tls(environment)
    return ServiceSettings(
        service=service,
        common=common,
        grpc_port=_grpc_port(environment, flags, ports[service].grpc, common.port),
        peers=dict(_peers(environment, service, ports, has_tls=tls is not None)),
        service_key=environment.get("ALM_SERVICE_KEY"),
        service_jwks=environment.get("ALM_SERVICE_JWKS"),
        tls=tls,
    )


def _grpc_port(
    environment: Environment, flags: Mapping[str, str | int | bool | None], default: int, rest_port: int
) -> int:
    """Return the port of the gRPC API; raise SettingsError for that of the REST API."""
    flag = flags.get("grpc_port")
    text = environment.get("GRPC_PORT", str(default)) if flag is None else str(flag)
    port = read_port("GRPC_PORT", text)
    if port and port == rest_port:
        raise SettingsError(f"PORT and GRPC_PORT are both {port}", "set another --grpc-port or GRPC_PORT")
    return port


def _require_effective(
    environment: Environment,
    flags: Mapping[str, str | int | bool | None],
    service: str,
    owners: Mapping[str, Collection[str]],
) -> None:
    """Raise SettingsError for settings that this service would silently ignore."""
    for variable, services in owners.items():
        if service in services:
            continue
        flag = variable.removeprefix("ALM_").lower()
        if environment.get(variable):
            raise _no_effect(variable, service, services)
        if flags.get(flag):
            raise _no_effect(f"--{flag.replace('_', '-')}", service, services)


def _no_effect(name: str, service: str, services: Collection[str]) -> SettingsError:
    return SettingsError(
        f"{name} has no effect in the service {service}",
        f"set it for {', '.join(services)} only, and omit it here",
    )


def _require_no_data_dir(
    environment: Environment, flags: Mapping[str, str | int | bool | None], service: str
) -> None:
    """Raise SettingsError for the directory of a service that has no files."""
    if flags.get("data_dir") is not None or environment.get("ALM_DATA_DIR"):
        raise SettingsError(
            f"the service {service} has no data directory", "omit --data-dir, and unset ALM_DATA_DIR"
        )


def _require_shared(common: Settings, service: str) -> None:
    """Raise SettingsError for a database or a bus that other processes cannot reach."""
    if not common.database_url:
        raise SettingsError(
            f"the service {service} requires a database of its own on PostgreSQL",
            "set DB_URL to postgresql://USER:PASSWORD@HOST:5432/NAME, or run `envmgr-alm serve all`",
        )
    if common.bus.kind == IN_PROCESS:
        raise SettingsError(
            f"the service {service} requires a bus that other processes reach",
            "set BUS_URL to nats://HOST:4222 or kafka://HOST:9092, or run `envmgr-alm serve all`",
        )


def _tls(environment: Environment) -> TlsFiles | None:
    values = [environment.get(name) for name in _TLS_VARIABLES]
    if not any(values):
        return None
    if missing := [name for name, value in zip(_TLS_VARIABLES, values, strict=True) if not value]:
        raise SettingsError(
            f"{' and '.join(missing)} missing: TLS between services requires all of {', '.join(_TLS_VARIABLES)}",
            f"set {missing[0]}, or unset the others",
        )
    certificates, key, authority = (environment.expand(value) for value in values)
    return TlsFiles(certificates, key, authority)


def _peers(
    environment: Environment, service: str, ports: Mapping[str, ServicePorts], *, has_tls: bool
) -> Iterator[tuple[str, str]]:
    """Yield each other service with its address."""
    for peer, default in ports.items():
        name = f"{peer.upper()}_URL"
        urls = environment.get(name, f"localhost:{default.grpc}").split(",")
        addresses = [_address(name, url.strip(), default.grpc, has_tls=has_tls) for url in urls]
        if peer != service:
            yield peer, addresses[0] if len(addresses) == 1 else _target(name, addresses)


def _target(name: str, addresses: Sequence[str]) -> str:
    """Return the target of several addresses (https://grpc.github.io/grpc/core/md_doc_naming.html)."""
    families = {_family(address) for address in addresses}
    if len(families) > 1 or None in families:
        raise SettingsError(
            f"invalid {name}: several addresses must be IP addresses, all IPv4 or all IPv6",
            "set it to a host name that resolves to all replicas, or to grpc://IP:PORT,grpc://IP:PORT",
        )
    return f"{families.pop()}:{','.join(addresses)}"


def _family(address: str) -> str | None:
    """Return `ipv4` or `ipv6` for HOST:PORT with an IP address; None for a host name."""
    try:
        return f"ipv{ip_address(address.rpartition(':')[0].strip('[]')).version}"
    except ValueError:
        return None


def _address(name: str, url: str, default_port: int, *, has_tls: bool) -> str:
    """Return HOST:PORT of `grpc://HOST:PORT`, `grpcs://HOST:PORT` or HOST:PORT; raise SettingsError."""
    scheme, _, address = url.rpartition("://")
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if (scheme and scheme not in _SCHEMES) or not host or port == 0 or parts.netloc != address.rstrip("/"):
        raise SettingsError(
            f"invalid {name}: not the gRPC address of a service", f"set it to grpc://HOST:{default_port}"
        )
    if parts.username is not None:
        raise SettingsError(
            f"invalid {name}: an address has no credentials", f"set it to grpc://HOST:{default_port}"
        )
    if scheme and _SCHEMES[scheme] != has_tls:
        hint = "set it to grpcs://HOST:PORT" if has_tls else f"set {', '.join(_TLS_VARIABLES)}"
        raise SettingsError(
            f"{name} is {scheme}://, but TLS is {'set up' if has_tls else 'not set up'}", hint
        )
    return f"[{host}]:{port or default_port}" if ":" in host else f"{host}:{port or default_port}"

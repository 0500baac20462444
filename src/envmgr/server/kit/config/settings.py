"""Server settings, read once: flags, then environment variables, then defaults."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envmgr.kit.errors import ConfigError, UsageError
from envmgr.kit.paths import resolve_paths
from envmgr.server.kit.config import bus_settings, checkpoint_settings
from envmgr.server.kit.config.bus_settings import BusSettings, SettingsError
from envmgr.server.kit.config.checkpoint_settings import CheckpointSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.kit.environment import Environment

__all__ = ["Settings", "SettingsError", "read"]
HOST, PORT = "127.0.0.1", 8080
SERVICE = "envmgr-alm"
LEVELS = ("debug", "info", "warning", "error")
_MAX_PORT = 65535
SERVICE_VARIABLES = (
    "GRPC_PORT",
    "GRPC_TLS_CERT",
    "GRPC_TLS_KEY",
    "GRPC_TLS_CA",
    "ALM_SERVICE_KEY",
    "ALM_SERVICE_JWKS",
)
"""Variables of separate services only (`service_settings`)."""
_SQLITE, _POSTGRESQL = "sqlite:///", ("postgresql://", "postgres://")
_POSTGRESQL_URL = re.compile(
    r"postgres(ql)?://(?P<rest>([^/@?#]*@)?([A-Za-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>\d{1,5}))?/[a-z_][a-z0-9_]{0,39}(\?[^#]*)?)"
)
"""With a name that SQL needs not quote, and that stays below 63 bytes with the name of a service."""
_DATABASE_HINT = (
    "set it to postgresql://USER:PASSWORD@HOST:5432/NAME, with a name of a-z, 0-9 and _, "
    "and / @ ? # of the password as %2F %40 %3F %23"
)
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
"""An origin as browsers serialize it (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin): lower case,
without the scheme's default port."""
_DEFAULT_PORTS = re.compile(r"http://.*:80|https://.*:443")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one server; `data_dir` is absolute, unset secrets are empty."""

    data_dir: str
    host: str = HOST
    port: int = PORT
    log_level: str = "info"
    require_if_match: bool = False
    keep_alive: int = 75
    """Seconds until an idle connection is closed."""
    connections: int = 1000
    """Maximum number of concurrent connections."""
    requests_per_minute: int = 0
    """Maximum number of requests of each principal in a minute; 0: no limit."""
    admin_password: str = ""
    jwt_secret: str = ""
    jwt_private_key: str = ""
    jwt_jwks: str = ""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API from a browser."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose `X-Forwarded-For` is trusted."""
    traces_url: str = ""
    """OTLP endpoint for traces; empty disables tracing."""
    service_name: str = SERVICE
    """Service name in traces."""
    database_url: str = ""
    """PostgreSQL server and prefix of the databases' names; empty: files in `data_dir`."""
    database_urls: Mapping[str, str] = field(default_factory=dict)
    """The database of each service, where they have no common server and prefix."""
    audit_key: str = ""
    """Private key that signs the audit log's checkpoints, or the path of a file with it; empty: a generated file."""
    bus: BusSettings = field(default_factory=BusSettings)
    checkpoints: CheckpointSettings = field(default_factory=CheckpointSettings)
    """Where checkpoints of the audit log are published."""


def read(
    environment: Environment, flags: Mapping[str, str | int | bool | None], services: Iterable[str]
) -> Settings:
    """Return the settings of a server with all `services`; `flags` maps field names to values or None.

    Raise SettingsError, UsageError.
    """
    _require_embedded(environment)
    _require_no_addresses(environment, services)
    common = read_common(environment, flags, read_data_dir(environment, flags.get("data_dir")))
    urls = _database_urls(environment, services)
    return replace(
        common, database_urls=urls, database_url=common.database_url or next(iter(urls.values()), "")
    )


def _database_urls(environment: Environment, services: Iterable[str]) -> dict[str, str]:
    """Return the databases by service, or an empty mapping; raise SettingsError unless all are set."""
    names = {service: _database_variable(service) for service in services}
    texts = {service: environment.get(name) for service, name in names.items()}
    if not any(texts.values()):
        return {}
    if environment.get("DB_URL"):
        first = next(names[service] for service, text in texts.items() if text)
        raise SettingsError(
            f"DB_URL has no effect: {first} names the database of its service",
            "unset DB_URL (ALM_DATA_DIR names the data directory), or the variables of single services",
        )
    missing = [names[service] for service, text in texts.items() if not text]
    if missing:
        raise SettingsError(
            f"{', '.join(missing)} not set, but other databases are", "set all, or none of them"
        )
    urls = {service: _database_url(text, names[service]) for service, text in texts.items()}
    if other := [names[service] for service, url in urls.items() if not url]:
        raise SettingsError(
            f"invalid {other[0]}: requires PostgreSQL", "set it to postgresql://USER:PASSWORD@HOST:5432/NAME"
        )
    return urls


def require_no_database_urls(environment: Environment, services: Iterable[str], service: str) -> None:
    """Raise SettingsError for the variables of `serve all`, such as APP_DB_URL, beside one service."""
    for name in map(_database_variable, services):
        if environment.get(name):
            raise SettingsError(
                f"{name} has no effect in the service {service}",
                f"set DB_URL to the database of {service}, and unset {name}",
            )


def _database_variable(service: str) -> str:
    return f"{service.upper()}_DB_URL"


def read_common(
    environment: Environment,
    flags: Mapping[str, str | int | bool | None],
    data_dir: str,
    *,
    port: int = PORT,
    service_name: str = SERVICE,
) -> Settings:
    """Return the settings that every server has; raise SettingsError, UsageError."""
    _require_known_database(environment)

    def text(flag: str, variable: str, default: str = "") -> str:
        value = flags.get(flag)
        return environment.get(variable, default) if value is None else str(value)

    return Settings(
        data_dir=data_dir,
        database_url=_database_url(environment.get("DB_URL")),
        host=text("host", "ALM_HOST", HOST),
        port=read_port("PORT", text("port", "PORT", str(port))),
        log_level=_choice("LOG_LEVEL", text("log_level", "LOG_LEVEL", "info").lower(), LEVELS),
        require_if_match=bool(flags.get("require_if_match"))
        or _parse_bool(environment, "ALM_REQUIRE_IF_MATCH"),
        keep_alive=_int("ALM_KEEP_ALIVE", environment.get("ALM_KEEP_ALIVE", "75"), range(1, 3601)),
        connections=_int("ALM_CONNECTIONS", environment.get("ALM_CONNECTIONS", "1000"), range(1, 100_001)),
        requests_per_minute=_int(
            "ALM_REQUESTS_PER_MINUTE", environment.get("ALM_REQUESTS_PER_MINUTE", "0"), range(10_000_001)
        ),
        admin_password=environment.get("ALM_ADMIN_PASSWORD"),
        jwt_secret=environment.get("JWT_SECRET"),
        jwt_private_key=environment.get("JWT_PRIVATE_KEY"),
        jwt_jwks=environment.get("JWT_JWKS"),
        allowed_origins=_origins(environment.get("ALM_ALLOWED_ORIGINS")),
        trusted_proxies=_split(environment.get("ALM_TRUSTED_PROXIES")),
        traces_url=_traces_url(environment),
        service_name=environment.get("OTEL_SERVICE_NAME", service_name),
        audit_key=environment.get("ALM_AUDIT_KEY"),
        bus=bus_settings.read(environment),
        checkpoints=checkpoint_settings.read(environment),
    )


def read_port(name: str, text: str) -> int:
    """Return a port; raise SettingsError."""
    return _int(name, text, range(_MAX_PORT + 1))


def _require_known_database(environment: Environment) -> None:
    """Raise SettingsError for a database of an unsupported kind."""
    database = environment.get("DB_URL")
    if database and not database.startswith((_SQLITE, *_POSTGRESQL)):
        raise SettingsError(
            f"unsupported DB_URL scheme {_scheme(database)}: only sqlite and postgresql are supported",
            "unset DB_URL, or set it to sqlite:////absolute/directory or postgresql://USER@HOST/NAME",
        )


def _require_embedded(environment: Environment) -> None:
    """Raise SettingsError for settings that this server would silently ignore."""
    for name in SERVICE_VARIABLES:
        if environment.get(name):
            raise _unsupported_error(name, "calls no other process")


def _database_url(url: str, name: str = "DB_URL") -> str:
    """Return the URL of a PostgreSQL server, or an empty text; raise SettingsError, which has no password."""
    if not url.startswith(_POSTGRESQL):
        return ""
    match = _POSTGRESQL_URL.fullmatch(url)
    if match is None:
        raise SettingsError(f"invalid {name}: requires a host and the name of a database", _DATABASE_HINT)
    # The driver would take it modulo 65536.
    if match["port"] and not 0 < int(match["port"]) <= _MAX_PORT:
        raise SettingsError(f"invalid {name}: port {match['port']} is out of range", _DATABASE_HINT)
    return f"postgresql://{match['rest']}"


def _require_no_addresses(environment: Environment, services: Iterable[str]) -> None:
    """Raise SettingsError for the address of a service that runs elsewhere, such as APP_URL."""
    for service in services:
        name = f"{service.upper()}_URL"
        if environment.get(name):
            raise _unsupported_error(name, "runs all services in one process")


def _unsupported_error(name: str, reason: str) -> SettingsError:
    return SettingsError(f"{name} is not supported: this server {reason}", f"unset {name}")


def _scheme(url: str) -> str:
    return url.partition(":")[0]


def read_data_dir(environment: Environment, flag: str | int | bool | None) -> str:
    """Return the directory: the flag, ALM_DATA_DIR, DB_URL, or the default `alm`.

    An empty flag comes from an unset variable: it is refused, not read as the current directory.
    """
    if flag is not None and not str(flag).strip():
        raise UsageError("--data-dir is empty", "pass a directory, or omit --data-dir")
    database = environment.get("DB_URL")
    url = database.removeprefix(_SQLITE) if database.startswith(_SQLITE) else ""
    chosen = str(flag or "") or environment.get("ALM_DATA_DIR") or url
    if not chosen:
        try:
            return os.path.join(resolve_paths(environment).data, "alm")
        except ConfigError as error:
            raise SettingsError(error.message, error.hint) from error
    return os.path.normpath(os.path.join(environment.cwd, environment.expand(chosen)))


def _traces_url(environment: Environment) -> str:
    """Return the traces endpoint (https://opentelemetry.io/docs/specs/otel/protocol/exporter/)."""
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT").rstrip("/")
    url = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or (base and f"{base}/v1/traces")
    if not url or environment.get("OTEL_SDK_DISABLED").lower() == "true":
        return ""
    if not _is_web(url):
        raise SettingsError(
            f"invalid OTEL_EXPORTER_OTLP_ENDPOINT {url!r}",
            "set it to http://HOST:4318, or unset it",
        )
    common = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", common)
    if protocol != "http/protobuf":
        raise SettingsError(
            f"unsupported OTEL_EXPORTER_OTLP_PROTOCOL {protocol!r}: only http/protobuf is supported",
            "unset OTEL_EXPORTER_OTLP_PROTOCOL",
        )
    return url


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _int(name: str, text: str, choices: range) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(choices[-1]))
    if not (is_number and int(text) in choices):
        raise SettingsError(
            f"invalid {name} {text!r}", f"expected an integer from {choices[0]} to {choices[-1]}"
        )
    return int(text)


def _choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise SettingsError(f"invalid {name} {text!r}", f"expected one of {', '.join(choices)}")
    return text


def _parse_bool(environment: Environment, name: str) -> bool:
    text = environment.get(name, "0").lower()
    if text not in _TRUE | _FALSE:
        raise SettingsError(f"invalid {name} {text!r}", "expected 1 or 0")
    return text in _TRUE


def _origins(text: str) -> tuple[str, ...]:
    origins = _split(text)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORTS.fullmatch(origin):
            raise SettingsError(
                f"invalid origin {origin!r} in ALM_ALLOWED_ORIGINS",
                "use https://HOST[:PORT] in lower case, or * for any",
            )
    return origins


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())

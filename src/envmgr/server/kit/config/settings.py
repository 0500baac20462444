"""What a server is told from outside, read once: flags first, then environment variables, then defaults."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envmgr.kit.errors import ConfigError, UsageError
from envmgr.kit.paths import resolve_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.environment import Environment

HOST, PORT = "127.0.0.1", 8080
SERVICE = "envmgr-alm"
LEVELS = ("debug", "info", "warning", "error")
_MAX_PORT = 65535
_CARRIES, _IS_ALL = "carries its events itself", "is all the services in one process"
_UNSUPPORTED_VARIABLES = {
    "NATS_URL": _CARRIES,
    "NATS_HOST": _CARRIES,
    "NATS_PORT": _CARRIES,
    "KAFKA_BROKER": _CARRIES,
    "GRPC_PORT": "offers no gRPC",
    "APP_URL": _IS_ALL,
    "VERSION_URL": _IS_ALL,
    "DEPLOYMENT_URL": _IS_ALL,
    "AUDIT_URL": _IS_ALL,
    "GATEWAY_URL": _IS_ALL,
    "WORKER_URL": _IS_ALL,
}
"""What tells services apart, and what this server does instead."""
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
"""As browsers spell an origin (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin): in small letters, and
without the port that goes with the scheme."""
_DEFAULT_PORTS = re.compile(r"http://.*:80|https://.*:443")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class SettingsError(ConfigError):
    """A setting says what cannot be; the message names it and what can."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server is to run; `data_dir` is absolute. Secrets are empty where none were given."""

    data_dir: str
    host: str = HOST
    port: int = PORT
    log_level: str = "info"
    require_if_match: bool = False
    keep_alive: int = 75
    """Seconds a connection may be idle."""
    connections: int = 1000
    """Connections at the same time."""
    admin_password: str = ""
    jwt_secret: str = ""
    jwt_private_key: str = ""
    jwt_jwks: str = ""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API from a browser."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose `X-Forwarded-For` is believed."""
    traces_url: str = ""
    """Where traces are sent; nowhere where it is empty."""
    service_name: str = SERVICE
    """What this server is called in traces."""


def read(environment: Environment, flags: Mapping[str, str | int | bool | None]) -> Settings:
    """Read the settings; `flags` are named as the fields, None where not given. Raise SettingsError, UsageError."""
    _require_embedded(environment)

    def text(flag: str, variable: str, default: str = "") -> str:
        given = flags.get(flag)
        return environment.get(variable, default) if given is None else str(given)

    return Settings(
        data_dir=_data_dir(environment, flags.get("data_dir")),
        host=text("host", "ALM_HOST", HOST),
        port=_int("PORT", text("port", "PORT", str(PORT)), range(_MAX_PORT + 1)),
        log_level=_choice("LOG_LEVEL", text("log_level", "LOG_LEVEL", "info").lower(), LEVELS),
        require_if_match=bool(flags.get("require_if_match")) or _bool(environment, "ALM_REQUIRE_IF_MATCH"),
        keep_alive=_int("ALM_KEEP_ALIVE", environment.get("ALM_KEEP_ALIVE", "75"), range(1, 3601)),
        connections=_int("ALM_CONNECTIONS", environment.get("ALM_CONNECTIONS", "1000"), range(1, 100_001)),
        admin_password=environment.get("ALM_ADMIN_PASSWORD"),
        jwt_secret=environment.get("JWT_SECRET"),
        jwt_private_key=environment.get("JWT_PRIVATE_KEY"),
        jwt_jwks=environment.get("JWT_JWKS"),
        allowed_origins=_origins(environment.get("ALM_ALLOWED_ORIGINS")),
        trusted_proxies=_split(environment.get("ALM_TRUSTED_PROXIES")),
        traces_url=_traces_url(environment),
        service_name=environment.get("OTEL_SERVICE_NAME", SERVICE),
    )


def _require_embedded(environment: Environment) -> None:
    """Refuse what this server cannot use, rather than run on something else unnoticed."""
    database, bus = environment.get("DB_URL"), environment.get("BUS_URL")
    if database and not database.startswith("sqlite:///"):
        raise SettingsError(
            f"DB_URL names a {_scheme(database)} database, and this server keeps its data in SQLite",
            "unset DB_URL, or set it to sqlite:////absolute/directory",
        )
    if bus and bus.rstrip("/") != "inprocess:":
        raise SettingsError(
            f"BUS_URL names a {_scheme(bus)} bus, and this server carries its events itself",
            "unset BUS_URL, or set it to inprocess://",
        )
    for name, instead in _UNSUPPORTED_VARIABLES.items():
        if environment.get(name):
            raise SettingsError(f"{name} is set, and this server {instead}", f"unset {name}")


def _scheme(url: str) -> str:
    return url.partition(":")[0]


def _data_dir(environment: Environment, flag: str | int | bool | None) -> str:
    """Choose the directory: the flag, ALM_DATA_DIR, DB_URL, else `alm` beside what envmgr keeps itself.

    An empty flag is one whose variable somebody forgot to set: it is not taken for the current directory.
    """
    if flag is not None and not str(flag).strip():
        raise UsageError("--data-dir is empty", "name a directory, or leave --data-dir out")
    url = environment.get("DB_URL").removeprefix("sqlite:///")
    chosen = str(flag or "") or environment.get("ALM_DATA_DIR") or url
    if not chosen:
        try:
            return os.path.join(resolve_paths(environment).data, "alm")
        except ConfigError as error:
            raise SettingsError(error.message, error.hint) from error
    return os.path.normpath(os.path.join(environment.cwd, environment.expand(chosen)))


def _traces_url(environment: Environment) -> str:
    """Say where spans go: https://opentelemetry.io/docs/specs/otel/protocol/exporter/."""
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT").rstrip("/")
    url = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or (base and f"{base}/v1/traces")
    if not url or environment.get("OTEL_SDK_DISABLED").lower() == "true":
        return ""
    if not _is_web(url):
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is {url!r}, which is no URL of a collector",
            "set it to http://HOST:4318, or unset it",
        )
    common = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", common)
    if protocol != "http/protobuf":
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, and this server sends traces by http/protobuf",
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
            f"{name} is {text!r}", f"it must be a whole number from {choices[0]} to {choices[-1]}"
        )
    return int(text)


def _choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise SettingsError(f"{name} is {text!r}", f"it must be one of {', '.join(choices)}")
    return text


def _bool(environment: Environment, name: str) -> bool:
    text = environment.get(name, "0").lower()
    if text not in _TRUE | _FALSE:
        raise SettingsError(f"{name} is {text!r}", "it must be 1 or 0")
    return text in _TRUE


def _origins(text: str) -> tuple[str, ...]:
    origins = _split(text)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORTS.fullmatch(origin):
            raise SettingsError(
                f"ALM_ALLOWED_ORIGINS names {origin!r}, which no browser sends as an origin",
                "write each as https://HOST or https://HOST:PORT, in small letters, with nothing behind it; * is any",
            )
    return origins


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())

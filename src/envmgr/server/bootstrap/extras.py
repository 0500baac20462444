"""Extras that a server's settings require, and that may be missing."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from envmgr.server.kit.config.bus_settings import IN_PROCESS, SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from contextlib import AbstractContextManager

    from envmgr.server.kit.config.bus_settings import BusSettings

_MODULES = {
    "postgres": "asyncpg",
    "grpc": "grpc",
    "nats": "nats",
    "kafka": "aiokafka",
    "otel": "opentelemetry",
}
"""A module of each extra; it is installed with the extra."""


@contextmanager
def require_extra(
    extra: str, reason: str, *, extras: Collection[str] = (), alternative: str = ""
) -> Iterator[None]:
    """Raise SettingsError for an import that fails, with the `reason` that requires the extra.

    The hint also installs `extras`, which the settings require, too; or it names an alternative.
    """
    try:
        yield
    except ImportError as error:
        hint = f"run `{_install_command({extra, *extras})}`"
        raise SettingsError(
            f"{reason}, but the `{extra}` extra is not installed",
            f"{hint}, or {alternative}" if alternative else hint,
        ) from error


def require_service_extra(extra: str, reason: str, bus: BusSettings) -> AbstractContextManager[None]:
    """Raise SettingsError for an import that fails; the hint installs what a separate service requires."""
    broker = () if bus.kind == IN_PROCESS else (bus.kind,)
    return require_extra(extra, reason, extras=("postgres", "grpc", *broker))


def require_grpc(bus: BusSettings) -> AbstractContextManager[None]:
    """Raise SettingsError for an import of a separate service that fails."""
    return require_service_extra("grpc", "separate services call each other", bus)


def _install_command(extras: Collection[str]) -> str:
    """Return the command that installs extras beside those installed, which it would remove."""
    from envmgr.kit.distribution import requirement

    names = (name for name, module in _MODULES.items() if name in extras or find_spec(module))
    return f"pipx install --force '{requirement('server', *names)}'"

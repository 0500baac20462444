"""What the shell offers when TAB is pressed; never the network, never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envmgr.ops.context import Context

    Source = Callable[[Context], Iterable[str]]


def tools(incomplete: str) -> list[str]:
    """Offer tools that have a manifest or an installed version."""
    return _starting(incomplete, _tools)


def installed(incomplete: str) -> list[str]:
    """Offer TOOL@VERSION of what is installed."""
    return _starting(incomplete, _installed)


def remote(incomplete: str) -> list[str]:
    """Offer tools, and after an `@` the versions in the cached list of releases."""
    return _starting(incomplete, _remote_of(incomplete) if "@" in incomplete[1:] else _tools)


def commands(incomplete: str) -> list[str]:
    """Offer the commands of installed tools."""
    return _starting(incomplete, _commands)


def settings(incomplete: str) -> list[str]:
    """Offer names of settings."""
    from envmgr.kit.settings import SETTINGS

    return [name for name in SETTINGS if name.startswith(incomplete)]


def _starting(incomplete: str, source: Source) -> list[str]:
    from envmgr.ops.context import current

    context = current(flags={"offline": True})
    try:
        return sorted({name for name in source(context) if name.startswith(incomplete)})
    except EnvmgrError:
        return []


def _tools(context: Context) -> Iterable[str]:
    from envmgr.install import store

    return [*context.catalog.registry.names(), *store.tools(context.paths)]


def _installed(context: Context) -> Iterable[str]:
    from envmgr.install import store

    return [f"{one.tool}@{one.version}" for one in store.all_installed(context.paths)]


def _commands(context: Context) -> Iterable[str]:
    from envmgr.install import store

    return [command for one in store.all_installed(context.paths) for command in one.commands()]


def _remote_of(incomplete: str) -> Source:
    tool = incomplete[: incomplete.index("@", 1)]

    def versions(context: Context) -> Iterable[str]:
        listing = context.catalog.listing(tool)
        return [f"{tool}@{version}" for version in (*listing.aliases, *listing.versions)]

    return versions

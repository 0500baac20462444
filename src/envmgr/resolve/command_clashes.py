"""Packages that have the name of another tool, or provide its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit.errors import CatalogError
from envmgr.resolve.canonical_names import short_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.resolve.context import Context


def note_namesake(context: Context, tool: str) -> None:
    """Print a notice if a package has the name of a tool with a manifest (`npm:node`, `pypi:python`)."""
    for name in sorted(short_names(tool)):
        namesake = _manifest_named(context, name)
        if namesake is not None:
            hint = _hint_for(context, tool, name, namesake)
            context.progress.message(
                f"{tool} is the package {name}, not the tool {namesake}; for that, {hint}"
            )


def _hint_for(context: Context, package: str, name: str, namesake: str) -> str:
    """Return how to use the tool; while the package is requested, a name of both is that of the package."""
    command = f"run `envmgr use {namesake}`"
    request = context.project.request(package) if name == namesake else None
    return f"remove {package} from {request.origin.name}, and {command}" if request else command


def note_shared_commands(context: Context, installed: Iterable[tuple[str, str]]) -> None:
    """Print a notice of each package, by tool and version, that provides commands of other tools."""
    packages = [(tool, version) for tool, version in installed if short_names(tool)]
    if not packages:
        return
    providers = _providers(context)
    for tool, version in packages:
        tree = store.get(context.paths, tool, version)
        shared = [
            command
            for command in (tree.commands() if tree else ())
            if providers.get(command, {tool}) - {tool}
        ]
        if shared:
            others = sorted({other for command in shared for other in providers[command]} - {tool})
            context.progress.message(
                f"{tool} provides {', '.join(shared)}, as {', '.join(others)} does; the first in .envmgr is run"
            )


def _manifest_named(context: Context, name: str) -> str | None:
    """Return the tool with a manifest of this name or alias; packages have none of their own."""
    try:
        return context.registry.get(name).name
    except CatalogError:
        return None


def _providers(context: Context) -> dict[str, set[str]]:
    """Return the installed tools by command."""
    providers: dict[str, set[str]] = {}
    for installed in store.all_installed(context.paths):
        for command in installed.commands():
            providers.setdefault(command, set()).add(installed.tool)
    return providers

"""Removing installed versions."""

from __future__ import annotations

from envmgr import versions
from envmgr.install import store
from envmgr.kit.errors import CatalogError, NotInstalled, UsageError
from envmgr.kit.frozen import frozen
from envmgr.kit.suggest import closest
from envmgr.ops import reshim
from envmgr.resolve import canonical_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.install.store import Installed
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec


@frozen
class UninstallResult:
    """The versions that went (or, dry, would go)."""

    versions: tuple[Installed, ...]


def uninstall(context: Context, items: Sequence[ToolSpec]) -> UninstallResult:
    """Remove installed versions, all or, if one of them is not there, none."""
    selection = select(context, items)
    for installed in selection.versions:
        label = f"{installed.tool} {installed.version}"
        context.progress.step(label, "removing")
        store.remove(context.paths, installed.tool, installed.version)
        context.progress.done(label, "removed")
    reshim.reshim(context)
    return selection


def select(context: Context, items: Sequence[ToolSpec]) -> UninstallResult:
    """Return the installed versions that are named; raise NotInstalled for one that is not there."""
    selected = (_find(context, item) for item in items)
    return UninstallResult(
        tuple({(installed.tool, installed.version): installed for installed in selected}.values())
    )


def _find(context: Context, item: ToolSpec) -> Installed:
    tool = _named(context, item.tool)
    installed = installed_versions(context, tool)
    if item.spec is None:
        raise UsageError(f"missing version for {tool}", _which_hint(tool, installed))
    match = store.get(context.paths, tool, item.spec) if item.spec in installed else None
    if match is None:
        raise NotInstalled(f"{tool} {item.spec} is not installed", _hint(context, tool, item.spec, installed))
    return match


def _named(context: Context, tool: str) -> str:
    """Return a tool's canonical name, or the name itself if it is unknown."""
    try:
        return canonical_names.require_installed_or_known(context, tool)
    except CatalogError:
        return tool


def _which_hint(tool: str, installed: Sequence[str]) -> str:
    if not installed:
        return f"no version of {tool} is installed; run `envmgr list` to list installed versions"
    return f"installed: {' '.join(f'{tool}@{version}' for version in installed)}"


def _hint(context: Context, tool: str, version: str, installed: Sequence[str]) -> str:
    if installed:
        suggestions = [name for name in installed if versions.satisfies(name, version)] or closest(
            version, installed
        )
        return f"did you mean {' or '.join(f'{tool}@{name}' for name in suggestions or installed)}?"
    suggestions = closest(tool, store.tools(context.paths))
    return (
        f"did you mean {' or '.join(suggestions)}?"
        if suggestions
        else "run `envmgr list` to list installed versions"
    )


def installed_versions(context: Context, tool: str) -> tuple[str, ...]:
    """Return the installed versions of a tool."""
    return tuple(versions.sort(store.versions(context.paths, tool)))

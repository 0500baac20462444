"""Removing installed versions."""

from __future__ import annotations

from envmgr import versions
from envmgr.install import store
from envmgr.kit.errors import NotInstalled
from envmgr.kit.suggest import closest
from envmgr.kit.value import frozen
from envmgr.ops import reshim
from envmgr.ops.tools import ToolSpec, require_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.install.store import Installed
    from envmgr.ops.context import Context


@frozen
class Removed:
    """The versions that went (or, dry, would go)."""

    versions: tuple[Installed, ...]


def uninstall(context: Context, items: Sequence[ToolSpec]) -> Removed:
    """Remove installed versions, all or, if one of them is not there, none."""
    found = select(context, items)
    for one in found.versions:
        store.remove(context.paths, one.tool, one.version)
    reshim.reshim(context)
    return found


def select(context: Context, items: Sequence[ToolSpec]) -> Removed:
    """Return the installed versions that are named; raise NotInstalled for one that is not there."""
    return Removed(tuple(_find(context, item) for item in items))


def _find(context: Context, item: ToolSpec) -> Installed:
    version = require_spec(item, "uninstall")
    owned = versions.sort(store.versions(context.paths, item.tool))
    found = store.get(context.paths, item.tool, version) if version in owned else None
    if found is None:
        raise NotInstalled(
            f"{item.tool} {version} is not installed", _hint(context, item.tool, version, owned)
        )
    return found


def _hint(context: Context, tool: str, version: str, owned: Sequence[str]) -> str:
    if owned:
        near = [name for name in owned if versions.satisfies(name, version)] or closest(version, owned)
        return f"did you mean {' or '.join(f'{tool}@{name}' for name in near or owned)}?"
    near = closest(tool, store.tools(context.paths))
    return f"did you mean {' or '.join(near)}?" if near else "`envmgr list` shows what is installed"


def owned(context: Context, tool: str) -> tuple[str, ...]:
    """Return the installed versions of a tool."""
    return tuple(versions.sort(store.versions(context.paths, tool)))

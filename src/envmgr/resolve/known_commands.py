"""Commands that a tool is known to have before it is installed."""

from __future__ import annotations

import os

from envmgr.kit.errors import EnvmgrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.resolve.context import Context


def has_command(context: Context, tool: str, command: str) -> bool:
    """Return whether a tool has a command, by its names or the programs in its manifest."""
    return command in command_names(context, tool) or command in _manifest_programs(context, tool)


def known_commands(context: Context, tool: str) -> frozenset[str]:
    """Return the commands of a tool by its names and the programs in its manifest."""
    return command_names(context, tool) | _manifest_programs(context, tool)


def command_names(context: Context, tool: str) -> frozenset[str]:
    """Return the names of a tool, which its command may have: in full, short, and aliases.

    The registry is asked, not the catalog, which needs the HTTP client.
    """
    own_names = {tool, tool.rpartition(":")[2].rpartition("/")[2]}
    try:
        return frozenset({*own_names, *context.registry.check(tool).aliases})
    except EnvmgrError:
        return frozenset(own_names)


def _manifest_programs(context: Context, tool: str) -> frozenset[str]:
    try:
        layout = context.catalog.layout(tool, "0", context.platform)
    except EnvmgrError:
        return frozenset()
    programs = {os.path.basename(path) for path in layout.bin} | set(layout.links) if layout else set()
    return frozenset(programs)

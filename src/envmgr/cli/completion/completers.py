"""Completers of arguments and options: never use the network, never print an error.

Each is declared with its argument. `ctx.args` holds the arguments before the cursor, without options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer evaluates the annotations of completers

if TYPE_CHECKING:
    from envmgr.resolve.context import Context

FILES = ":files"
"""The description of the candidate that requests the shell's file completion."""


def complete_file(incomplete: str) -> list[tuple[str, str]]:
    """Return the marker for file completion."""
    return [(incomplete, FILES)]


def complete_shell(ctx: typer.Context) -> list[str]:
    """Return the shells that can be activated, for the first argument."""
    from envmgr.shells.activation.activation_shell import SHELLS

    return [] if ctx.args else [*SHELLS]


def complete_syntax() -> list[str]:
    """Return the shells in whose syntax variables are printed."""
    from envmgr.shells.export import SYNTAXES

    return [*SYNTAXES]


def complete_available(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return tools; after TOOL@, or as second argument, also the versions in the cached release list."""
    context = _context()
    if "@" in incomplete[1:]:
        tool = incomplete[: incomplete.index("@", 1)]
        return [f"{tool}@{version}" for version in _versions(context, tool)]
    if len(ctx.args) == 1 and "@" not in ctx.args[0][1:]:
        return [*_versions(context, ctx.args[0]), *_tools(context)]
    return _tools(context)


def complete_tool_then_version(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return tools for the first argument, versions of that tool for the second."""
    if not ctx.args:
        return complete_available(ctx, incomplete)
    (tool, *others) = ctx.args
    return [] if others or "@" in tool else _versions(_context(), tool)


def complete_one_tool(ctx: typer.Context) -> list[str]:
    """Return tools for the first argument."""
    return [] if ctx.args else _tools(_context())


def complete_project_tool() -> list[str]:
    """Return the tools that the project requests."""
    return sorted(request.tool for request in _context().project.requests())


def complete_installed() -> list[str]:
    """Return TOOL@VERSION of all installed versions."""
    from envmgr import versions
    from envmgr.install import store

    paths = _context().paths
    return [
        f"{tool}@{version}"
        for tool in sorted(store.tools(paths))
        for version in reversed(versions.sort(store.versions(paths, tool)))
    ]


def complete_plugin_with_source() -> list[str]:
    """Return the user's and the project's manifests that have a recorded source."""
    from envmgr.ops.catalog import plugin_sources, plugins

    context = _context()
    directories = (plugins.user_directory(context), plugins.project_directory(context))
    return sorted({name for directory in directories for name in plugin_sources.read(directory)})


def complete_command() -> list[str]:
    """Return the commands of all installed versions."""
    from envmgr.install import store

    return sorted({name for tree in store.all_installed(_context().paths) for name in tree.commands()})


def complete_setting(ctx: typer.Context) -> list[str]:
    """Return the names of settings for the first argument."""
    from envmgr.kit.config.settings import SETTINGS

    return [] if ctx.args else [*SETTINGS]


def complete_scope() -> list[str]:
    """Return the scopes of API keys."""
    from envmgr.alm.key_options import SCOPES

    return [*SCOPES]


def _context() -> Context:
    from envmgr.resolve.context import current

    return current(flags={"offline": True})


def _tools(context: Context) -> list[str]:
    """Return tools that have a manifest or an installed version, or that the project requests."""
    from envmgr.install import store

    requested = (request.tool for request in context.project.requests())
    return sorted({*context.registry.names(), *store.tools(context.paths), *requested})


def _versions(context: Context, tool: str) -> list[str]:
    """Return the versions of a tool that a request can name, newest first."""
    listing = context.catalog.listing(tool)
    return ["latest", *listing.aliases, *reversed(listing.versions)]

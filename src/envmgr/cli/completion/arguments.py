"""Values of arguments for completion, without the parser; none uses the network.

Each function returns the candidates for a word that begins with `incomplete`, after the arguments `args`, without
options.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envmgr.resolve.context import Context

    Values = Callable[[Sequence[str], str], Iterable[str]]


def list_tools_and_versions(args: Sequence[str], incomplete: str) -> list[str]:
    """Return tools; after TOOL@, or as second argument, also the versions in the cached release list."""
    context = _context()
    if "@" in incomplete[1:]:
        tool = incomplete[: incomplete.index("@", 1)]
        return [f"{tool}@{version}" for version in _list_versions(context, tool)]
    if len(args) == 1 and "@" not in args[0][1:]:
        return [*_list_cached_versions(context, args[0]), *_find_tools(context)]
    return _find_tools(context)


def list_tools_then_versions(args: Sequence[str], incomplete: str) -> list[str]:
    """Return tools for the first argument, versions of that tool for the second."""
    if not args:
        return list_tools_and_versions(args, incomplete)
    (tool, *others) = args
    return [] if others or "@" in tool else _list_versions(_context(), tool)


def list_tools(args: Sequence[str], _incomplete: str) -> list[str]:
    """Return tools for the first argument."""
    return [] if args else _find_tools(_context())


def list_requested_tools(_args: Sequence[str], _incomplete: str) -> list[str]:
    """Return the tools that the project requests."""
    return sorted(request.tool for request in _context().project.requests())


def list_installed_versions(_args: Sequence[str], _incomplete: str) -> list[str]:
    """Return TOOL@VERSION of all installed versions."""
    from envmgr import versions
    from envmgr.install import store

    paths = _context().paths
    return [
        f"{tool}@{version}"
        for tool in sorted(store.tools(paths))
        for version in reversed(versions.sort(store.versions(paths, tool)))
    ]


def list_commands(_args: Sequence[str], _incomplete: str) -> list[str]:
    """Return the commands of all installed versions."""
    from envmgr.install import store

    return sorted({name for tree in store.all_installed(_context().paths) for name in tree.commands()})


def list_plugins_with_source(_args: Sequence[str], _incomplete: str) -> list[str]:
    """Return the user's and the project's manifests that have a recorded source."""
    from envmgr.ops.catalog import plugin_sources, plugins

    context = _context()
    directories = (plugins.user_directory(context), plugins.project_directory(context))
    return sorted({name for directory in directories for name in plugin_sources.read(directory)})


def list_settings(args: Sequence[str], _incomplete: str) -> list[str]:
    """Return the names of settings for the first argument."""
    from envmgr.kit.config.settings import SETTINGS

    return [] if args else [*SETTINGS]


def list_shells(args: Sequence[str], _incomplete: str) -> list[str]:
    """Return the shells that can be activated, for the first argument."""
    from envmgr.shells.activation.activation_shell import SHELLS

    return [] if args else [*SHELLS]


def _context() -> Context:
    from envmgr.resolve.context import current

    return current(flags={"offline": True})


def _find_tools(context: Context) -> list[str]:
    """Return tools that have a manifest or an installed version, or that the project requests."""
    from envmgr.install import store

    requested = (request.tool for request in context.project.requests())
    return sorted({*context.registry.names(), *store.tools(context.paths), *requested})


def _list_versions(context: Context, tool: str) -> list[str]:
    """Return the versions of a tool that a request can name, newest first."""
    listing = context.catalog.listing(tool)
    return ["latest", *listing.aliases, *reversed(listing.versions)]


def _list_cached_versions(context: Context, tool: str) -> list[str]:
    """Return the versions of a tool; none if its list is not cached, or the tool unknown."""
    from envmgr.kit.errors import EnvmgrError

    try:
        return _list_versions(context, tool)
    except EnvmgrError:
        return []


ARGUMENTS: dict[tuple[str, ...], Values] = {
    ("install",): list_tools_and_versions,
    ("use",): list_tools_and_versions,
    ("unuse",): list_requested_tools,
    ("x",): list_tools_and_versions,
    ("exec",): list_installed_versions,
    ("list",): list_tools_then_versions,
    ("latest",): list_tools_then_versions,
    ("search",): list_tools,
    ("current",): list_tools,
    ("why",): list_tools,
    ("where",): list_installed_versions,
    ("uninstall",): list_installed_versions,
    ("which",): list_commands,
    ("lock",): list_requested_tools,
    ("outdated",): list_requested_tools,
    ("upgrade",): list_requested_tools,
    ("activate",): list_shells,
    ("setup",): list_shells,
    ("plugin", "show"): list_tools,
    ("plugin", "remove"): list_tools,
    ("plugin", "trust"): list_tools,
    ("plugin", "test"): list_tools_and_versions,
    ("plugin", "update"): list_plugins_with_source,
    ("config", "get"): list_settings,
    ("config", "unset"): list_settings,
}
"""The commands whose arguments all have the same values; a test compares them with what is declared."""

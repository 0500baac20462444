"""Canonical names of tools: installations and locks are stored under them, aliases are resolved here.

On the command line a package is also named without its source, and without its scope or owner: `ruff` is `pypi:ruff`
where that is requested or installed.
"""

from __future__ import annotations

from envmgr.install import store
from envmgr.kit.errors import AmbiguousTool, CatalogError, ProjectError, UnknownTool
from envmgr.resolve import tool_specs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from envmgr.project.request import Request
    from envmgr.resolve.context import Context


def require_canonical(context: Context, requests: Iterable[Request]) -> None:
    """Raise ProjectError for every request that names a tool by an alias."""
    issues = tuple(_issues(context, requests))
    if issues:
        raise ProjectError("\n".join(issues), "aliases are only allowed on the command line")


def require_name(context: Context, tool: str) -> str:
    """Return the canonical name of a tool to install; a short name is that of a package in use.

    A requested package comes before a manifest that is not requested, an installed one after it: `use ruff` changes the
    line of `pypi:ruff`. Raise UnknownTool or AmbiguousTool.
    """
    requested = next(_names_in_use(context))
    name = None if tool in requested else name_among(context, tool, requested)
    if name is not None and name in packages_named(tool, requested):
        return name
    try:
        return context.registry.check(tool).name
    except UnknownTool:
        return _package_in_use(context, tool)


def require_in_use_or_known(context: Context, tool: str) -> str:
    """Return the name of a tool that is requested, else installed, else has a manifest; raise UnknownTool.

    Raise AmbiguousTool for a short name of several packages.
    """
    for names in _names_in_use(context):
        name = name_among(context, tool, names)
        if name:
            return name
    return require_name(context, tool)


def name_among(context: Context, tool: str, names: Collection[str]) -> str | None:
    """Return which of some tools a user means by a name, an alias or a short name; None without a match.

    Raise AmbiguousTool for a short name of several packages.
    """
    if tool in names:
        return tool
    alias = canonical_name(context, tool) if names else tool
    return alias if alias in names else _only(tool, packages_named(tool, names))


def canonical_name(context: Context, tool: str) -> str:
    """Return the canonical name of a tool, or the name itself if its manifest cannot be read."""
    try:
        return context.registry.check(tool).name
    except CatalogError:
        return tool


def packages_named(short_name: str, tools: Iterable[str]) -> list[str]:
    """Return the packages among tools that have a short name."""
    return sorted(tool for tool in tools if short_name in short_names(tool))


def short_names(tool: str) -> frozenset[str]:
    """Return the names of a package without source, scope and owner; none for other tools."""
    _, colon, package = tool.partition(":")
    return frozenset({package, package.rpartition("/")[2]}) if colon else frozenset()


def _names_in_use(context: Context) -> Iterator[Collection[str]]:
    """Yield the names of requested, then of installed tools."""
    installed = store.tools(context.paths)
    yield [request.tool for request in context.project.requests(known_tools=installed)]
    yield installed


def _only(short_name: str, packages: list[str]) -> str | None:
    if len(packages) > 1:
        raise AmbiguousTool(
            f"{short_name} is ambiguous: {' or '.join(packages)}", f"use the full name, such as {packages[0]}"
        )
    return packages[0] if packages else None


def _package_in_use(context: Context, short_name: str) -> str:
    """Return the requested, else the installed package with a short name; raise UnknownTool."""
    in_use = list(_names_in_use(context))
    for names in in_use:
        package = _only(short_name, packages_named(short_name, names))
        if package:
            return package
    tool_specs.require_tool_name(short_name)
    raise _missing_manifest(context, short_name) or context.registry.unknown_tool(
        short_name, dict.fromkeys(name for names in in_use for name in names if name != short_name)
    )


def _missing_manifest(context: Context, tool: str) -> UnknownTool | None:
    """Return the error for a requested tool that was locked with a manifest that is not here."""
    from envmgr.resolve import lock_manifests

    requests = [request for request in context.project.requests() if request.tool == tool]
    issue = lock_manifests.missing_manifest(context, requests[0]) if requests else None
    return UnknownTool(*issue) if issue else None


def _issues(context: Context, requests: Iterable[Request]) -> Iterator[str]:
    for request in requests:
        name = canonical_name(context, request.tool)
        if name != request.tool:
            specs = ", ".join(request.specs)
            yield f"{request.origin}: {request.tool} is an alias; use {name}={specs}"

"""Canonical names of tools: installations and locks are stored under them, aliases are resolved here."""

from __future__ import annotations

from envmgr.install import store
from envmgr.kit.errors import CatalogError, ProjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.project.request import Request
    from envmgr.resolve.context import Context


def require_canonical(context: Context, requests: Iterable[Request]) -> None:
    """Raise ProjectError for every request that names a tool by an alias."""
    issues = tuple(_issues(context, requests))
    if issues:
        raise ProjectError("\n".join(issues), "aliases are only allowed on the command line")


def require_name(context: Context, tool: str) -> str:
    """Return the canonical name of a tool; raise UnknownTool."""
    return context.registry.checked(tool).name


def require_installed_or_known(context: Context, tool: str) -> str:
    """Return the canonical name of a tool that is installed or has a manifest; raise UnknownTool."""
    return tool if store.versions(context.paths, tool) else require_name(context, tool)


def canonical_name(context: Context, tool: str) -> str:
    """Return the canonical name of a tool, or the name itself if its manifest cannot be read."""
    try:
        return require_name(context, tool)
    except CatalogError:
        return tool


def _issues(context: Context, requests: Iterable[Request]) -> Iterator[str]:
    for request in requests:
        name = canonical_name(context, request.tool)
        if name != request.tool:
            specs = ", ".join(request.specs)
            yield f"{request.origin}: {request.tool} is an alias; use {name}={specs}"

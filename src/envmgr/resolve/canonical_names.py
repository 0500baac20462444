"""The names of tools in a project: only a tool's own, since its installations and locks stand under that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import CatalogError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.project.request import Request
    from envmgr.resolve.context import Context


def require_canonical(context: Context, requests: Iterable[Request]) -> None:
    """Raise ProjectError with every request that calls a tool by another of its names, and how to write it."""
    issues = tuple(_issues(context, requests))
    if issues:
        raise ProjectError("\n".join(issues), "only the command line takes other names of a tool")


def canonical_name(context: Context, tool: str) -> str:
    """Return the own name of a tool; one that no manifest can be read of keeps the name it is given."""
    try:
        return context.catalog.manifest(tool).name
    except CatalogError:
        return tool


def _issues(context: Context, requests: Iterable[Request]) -> Iterator[str]:
    for request in requests:
        name = canonical_name(context, request.tool)
        if name != request.tool:
            specs = ", ".join(request.specs)
            yield f"{request.origin}: {request.tool} is another name of {name}: write {name}={specs}"

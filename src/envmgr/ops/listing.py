"""What is installed, and what could be."""

from __future__ import annotations

from envmgr import versions
from envmgr.install import store
from envmgr.kit.value import frozen
from envmgr.ops import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.catalog.release import Release
    from envmgr.install.store import Installed
    from envmgr.kit.errors import UnknownTool
    from envmgr.ops.active import Active
    from envmgr.ops.context import Context


@frozen
class Row:
    """An installed version, and what makes it active here if it is."""

    installed: Installed
    active: Active | None


@frozen
class Remote:
    """The releases of a tool, newest last."""

    tool: str
    releases: tuple[Release, ...]


def installed(context: Context, tool: str | None = None) -> tuple[Row, ...]:
    """Return the installed versions of one tool or all, oldest first within a tool."""
    tools = [named(context, tool)] if tool else sorted(store.tools(context.paths))
    chosen = {(one.tool, one.version): one for one in reversed(active.resolve(context))}
    return tuple(
        Row(found, chosen.get((name, version)))
        for name in tools
        for version in versions.sort(store.versions(context.paths, name))
        if (found := store.get(context.paths, name, version))
    )


def named(context: Context, tool: str) -> str:
    """Return the own name of a tool that is called by one of its names; raise UnknownTool if it is nobody's."""
    return tool if store.versions(context.paths, tool) else context.catalog.manifest(tool).name


def unknown(context: Context) -> UnknownTool | None:
    """Make an error of the project's lines that name a tool there is not, None if there are none."""
    from envmgr.kit.errors import UnknownTool

    found = []
    for request in context.project.requests():
        try:
            context.catalog.manifest(request.tool)
        except UnknownTool as error:
            found.append((f"{request.origin}: {error.message}", error.hint or ""))
    if len(found) > 1:
        lines = [
            message + (f"; {hint[: hint.index('?') + 1]}" if "?" in hint else "") for message, hint in found
        ]
        return UnknownTool(
            "\n".join(lines), "correct the names, or add the tools: `envmgr plugin add --help`"
        )
    return UnknownTool(*found[0]) if found else None


def remote(context: Context, tool: str, spec: str | None = None) -> Remote:
    """Return what upstream lists, all of it or what matches a spec."""
    listing = context.catalog.listing(tool)
    if spec is None:
        return Remote(tool, listing.releases)
    from envmgr.ops.choose import weigh

    matching = set(weigh(context, tool, spec).selection.candidates)
    return Remote(tool, tuple(release for release in listing.releases if release.version in matching))

"""What is installed, and what could be."""

from __future__ import annotations

from envmgr import versions
from envmgr.install import store
from envmgr.kit.frozen import frozen
from envmgr.resolve import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.catalog.release import Release
    from envmgr.install.store import Installed
    from envmgr.project.request import Request
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class Row:
    """An installed version, and what makes it active here if it is."""

    installed: Installed
    active: ActiveVersion | None


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


def check_known(context: Context, requests: Iterable[Request]) -> None:
    """Raise UnknownTool with all lines that ask for a release of a tool there is not."""
    from envmgr.kit.errors import UnknownTool

    found: list[tuple[str, str]] = []
    for request in requests:
        try:
            if _asks_for_release(request):
                context.catalog.manifest(request.tool)
        except UnknownTool as error:
            found.append((f"{request.origin.exactly}: {error.message}", error.hint or ""))
    if len(found) == 1:
        raise UnknownTool(*found[0])
    if found:
        lines = [
            message + (f"; {hint[: hint.index('?') + 1]}" if "?" in hint else "") for message, hint in found
        ]
        raise UnknownTool("\n".join(lines), "correct the names, or add the tools: `envmgr plugin add --help`")


def _asks_for_release(request: Request) -> bool:
    return any(versions.classify(spec)[0] not in {"system", "path"} for spec in request.specs)


def remote(context: Context, tool: str, spec: str | None = None) -> Remote:
    """Return what upstream lists, all of it or what matches a spec; raise NoMatchingVersion if nothing does."""
    listing = context.catalog.listing(tool)
    if spec is None:
        return Remote(tool, listing.releases)
    from envmgr.resolve.select_release import evaluate, select_version

    candidates = evaluate(context, tool, spec).selection.candidates
    matching = {*candidates} or {select_version(context, tool, spec)}  # which says what there is instead
    return Remote(tool, tuple(release for release in listing.releases if release.version in matching))

"""Removing installed versions."""

from __future__ import annotations

from envmgr import versions
from envmgr.install import store
from envmgr.kit.errors import NotInstalled
from envmgr.kit.frozen import frozen
from envmgr.kit.suggest import closest
from envmgr.ops import reshim
from envmgr.resolve import active, canonical_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.install.store import Installed
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec


@frozen
class UninstallResult:
    """The versions that were removed or would be; `ambiguous` are those of requests with several matches."""

    versions: tuple[Installed, ...]
    ambiguous: tuple[Installed, ...] = ()


def remove(context: Context, selection: UninstallResult) -> None:
    """Remove installed versions and their shims."""
    for installed in selection.versions:
        label = f"{installed.tool} {installed.version}"
        context.progress.step(label, "removing")
        store.remove(context.paths, installed.tool, installed.version)
        context.progress.done(label, "removed")
    reshim.reshim(context)


def select(context: Context, items: Sequence[ToolSpec]) -> UninstallResult:
    """Return the installed versions that match; raise NotInstalled if one item has none."""
    matches = [_matching(context, item) for item in items]
    return UninstallResult(_distinct(matches), _distinct([match for match in matches if len(match) > 1]))


def _distinct(matches: Iterable[Iterable[Installed]]) -> tuple[Installed, ...]:
    """Return the versions of several requests, each only once."""
    by_name = {(installed.tool, installed.version): installed for match in matches for installed in match}
    return tuple(by_name.values())


def _matching(context: Context, item: ToolSpec) -> list[Installed]:
    """Return the installed versions of an item, oldest first: all without a spec."""
    tool = _installed_name(context, item.tool)
    installed = installed_versions(context, tool)
    if not installed:
        raise NotInstalled(f"no version of {tool} is installed", _hint(context, tool))
    matching = installed if item.spec is None else _of_spec(context, tool, item.spec, installed)
    if not matching:
        raise NotInstalled(
            f"no installed version of {tool} matches {item.spec}", f"installed: {' '.join(installed)}"
        )
    return [version for name in matching if (version := store.get(context.paths, tool, name))]


def _of_spec(context: Context, tool: str, spec: str, installed: Sequence[str]) -> Sequence[str]:
    """Return the matching versions: an exact one, those of a range, the newest of a word (`latest`)."""
    if spec in installed:
        return (spec,)
    matching = active.matching_installed(context, tool, spec)
    is_word = spec[0].isalpha() and not versions.parse(spec).numbers
    return matching[:1] if is_word else matching[::-1]


def is_installed(context: Context, tool: str) -> bool:
    """Return whether a tool, by any of its names, has installed versions."""
    return bool(installed_versions(context, _installed_name(context, tool)))


def _installed_name(context: Context, tool: str) -> str:
    """Return the installed tool of a name, an alias or a short name, else the name itself."""
    return canonical_names.name_among(context, tool, store.tools(context.paths)) or tool


def _hint(context: Context, tool: str) -> str:
    suggestions = closest(tool, store.tools(context.paths))
    return (
        f"did you mean {' or '.join(suggestions)}?"
        if suggestions
        else "run `envmgr list` to list installed versions"
    )


def installed_versions(context: Context, tool: str) -> tuple[str, ...]:
    """Return the installed versions of a tool."""
    return tuple(versions.sort(store.versions(context.paths, tool)))

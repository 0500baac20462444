"""What the shell offers when TAB is pressed: never the network, never an error.

The scripts of `envmgr.cli.completion` ask: the words before the cursor's are the arguments, `_ENVMGR_COMPLETE` is `=`
and the beginning of the cursor's own. The answer is a line a candidate, after a tab its description; or FILES.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli import app
from envmgr.cli.usage_errors import commands_of
from envmgr.kit.errors import EnvmgrError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from envmgr.cli.usage_errors import Command
    from envmgr.resolve.context import Context

    Source = Callable[[Context, Sequence[str], str], Iterable[str]]

VARIABLE = "_ENVMGR_COMPLETE"
FILES = ":files"
_COMMON = {
    "--json": "Print one JSON document",
    "--quiet": "Say nothing but errors",
    "--verbose": "Say every request and decision",
    "--cwd": "Run as if in another directory",
    "--offline": "Use only what is on this machine",
    "--yes": "Answer questions with yes",
}
_ALM = {"--url": "The server, instead of the one set", "--token": "Who asks, instead of who signed in"}
_DIRECTORY = {"-C", "--cwd"}


def print_candidates(words: Sequence[str], incomplete: str) -> int:
    """Print what may stand at the cursor."""
    found = candidates(words, incomplete)
    sys.stdout.writelines(f"{value}\t{text}\n" if text else f"{value}\n" for value, text in found.items())
    return 0


def candidates(words: Sequence[str], incomplete: str) -> Mapping[str, str]:
    """Return what may stand at the cursor, each with its description."""
    if words[-1:] and words[-1] in _DIRECTORY:
        return {FILES: ""}
    if "--" in words:
        return {}
    command, path, given = _resolve_command(words)
    values = _values(command, words[-1]) if words else None
    if values is not None:
        return values if FILES in values else _matching(incomplete, values)
    if incomplete.startswith("-"):
        own = _ALM if path.split(" ")[0] == "alm" else {}
        return _matching(incomplete, {**_options(command), **own, **_COMMON})
    inside = commands_of(command)
    if inside:
        return _matching(incomplete, {name: one.get_short_help_str(60) for name, one in inside.items()})
    return _arguments(path, given, incomplete)


def _resolve_command(words: Sequence[str]) -> tuple[Command, str, list[str]]:
    """Follow a command line to its command; return that, its name and its arguments so far."""
    command, path, given = app.tree(), list[str](), list[str]()
    for word in words:
        inside = commands_of(command)
        if word in inside:
            command, path = inside[word], [*path, word]
        elif not word.startswith("-"):
            given.append(word)
    return command, " ".join(path), given


def _values(command: Command, word: str) -> dict[str, str] | None:
    """Return what may follow an option; None where the word before is none, or one that stands alone."""
    for one in command.params:
        if word in one.opts and word.startswith("-") and not getattr(one, "is_flag", False):
            if one.metavar == "SCOPE":
                return _scopes()
            choices: Sequence[str] = getattr(one.type, "choices", ())
            return {FILES: ""} if one.metavar == "FILE" else dict.fromkeys(choices, "")
    return None


def _scopes() -> dict[str, str]:
    from envmgr.alm.key_options import SCOPES

    return dict.fromkeys(SCOPES, "")


def _options(command: Command) -> dict[str, str]:
    found = {"--help": "Show the help"}
    for one in command.params:
        if one.opts[0].startswith("-"):
            found[max(one.opts, key=len)] = getattr(one, "help", "") or ""
    return found


def _matching(incomplete: str, found: Mapping[str, str]) -> dict[str, str]:
    return {value: text for value, text in found.items() if value.startswith(incomplete)}


def _arguments(path: str, given: Sequence[str], incomplete: str) -> Mapping[str, str]:
    source = _SOURCES.get(path)
    if source is None:
        return {}
    if source is _files:
        return {FILES: ""}
    from envmgr.resolve.context import current

    try:
        found = [*source(current(flags={"offline": True}), given, incomplete)]
    except EnvmgrError:
        return {}
    return {
        value: "" for value in dict.fromkeys(found) if value.startswith(incomplete) and value not in given
    }


def _files(_context: Context, _given: Sequence[str], _incomplete: str) -> Iterable[str]:
    return ()


def _tools(context: Context, _given: Sequence[str] = (), _incomplete: str = "") -> Iterable[str]:
    """Offer tools that have a manifest or an installed version, or that the project asks for."""
    from envmgr.install import store

    asked = (request.tool for request in context.project.requests())
    return sorted({*context.catalog.registry.names(), *store.tools(context.paths), *asked})


def _one_tool(context: Context, given: Sequence[str], _incomplete: str) -> Iterable[str]:
    return () if given else _tools(context)


def _project_tools(context: Context, _given: Sequence[str], _incomplete: str) -> Iterable[str]:
    return sorted(request.tool for request in context.project.requests())


def _installed(context: Context, _given: Sequence[str], _incomplete: str) -> Iterable[str]:
    """Offer TOOL@VERSION of what is installed."""
    from envmgr import versions
    from envmgr.install import store

    for tool in sorted(store.tools(context.paths)):
        for version in reversed(versions.sort(store.versions(context.paths, tool))):
            yield f"{tool}@{version}"


def _available(context: Context, given: Sequence[str], incomplete: str) -> Iterable[str]:
    """Offer tools; after TOOL@, or as second word, the versions in the list of releases received last."""
    if "@" in incomplete[1:]:
        tool = incomplete[: incomplete.index("@", 1)]
        return [f"{tool}@{version}" for version in _versions(context, tool)]
    if len(given) == 1 and "@" not in given[0][1:]:
        return [*_versions(context, given[0]), *_tools(context)]
    return _tools(context)


def _one_available(context: Context, given: Sequence[str], incomplete: str) -> Iterable[str]:
    """Offer a tool, then a version of it, then nothing."""
    if not given:
        return _available(context, given, incomplete)
    return _versions(context, given[0]) if given == [given[0].partition("@")[0]] else ()


def _versions(context: Context, tool: str) -> list[str]:
    """Return the versions of a tool that can be named, the newest first."""
    listing = context.catalog.listing(tool)
    return ["latest", *listing.aliases, *reversed(listing.versions)]


def _commands(context: Context, _given: Sequence[str], _incomplete: str) -> Iterable[str]:
    from envmgr.install import store

    return sorted({name for one in store.all_installed(context.paths) for name in one.commands()})


def _settings(_context: Context, given: Sequence[str], _incomplete: str) -> Iterable[str]:
    from envmgr.kit.config.settings import SETTINGS

    return () if given else SETTINGS


_SOURCES: dict[str, Source] = {
    "install": _available,
    "use": _one_available,
    "list": _one_available,
    "current": _one_tool,
    "where": _installed,
    "which": _commands,
    "why": _one_tool,
    "exec": _installed,
    "lock": _project_tools,
    "uninstall": _installed,
    "plugin add": _files,
    "plugin lint": _files,
    "plugin show": _one_tool,
    "plugin remove": _one_tool,
    "config get": _settings,
    "config set": _settings,
    "config unset": _settings,
}

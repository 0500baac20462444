"""Runtime dependencies of a tool that the project does not request."""

from __future__ import annotations

import os

from envmgr import versions
from envmgr.install import store
from envmgr.kit.errors import CommandNotInstalled
from envmgr.project.request import Origin, Request
from envmgr.resolve import active, unavailable
from envmgr.resolve.active import ActiveVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.resolve.context import Context
    from envmgr.resolve.executable import Program

_MAX_LINE_BYTES = 4096


def runtime_providers(
    context: Context, dependents: Iterable[ActiveVersion], active_versions: Sequence[ActiveVersion]
) -> tuple[ActiveVersion, ...]:
    """Return the tools to add to PATH for the requirements of the dependents.

    Versions that the project requests are left to their shims; of other tools, the newest installed version is used.
    Tools that are not installed are omitted: the system may provide them.
    """
    providers: dict[str, ActiveVersion] = {}
    waiting = [name for active_version in dependents for name in _required_tools(active_version)]
    while waiting:
        tool = waiting.pop(0)
        provider = None if tool in providers else _provider(context, tool, active_versions)
        if provider:
            providers[tool] = provider
            waiting += _required_tools(provider)
    return tuple(providers.values())


def check(context: Context, program: Program, active_versions: Sequence[ActiveVersion], path: str) -> None:
    """Raise NotThereToRun if a script's interpreter is neither on PATH nor installed."""
    interpreter = _interpreter(program.path)
    if not interpreter or store.find_program(path.split(os.pathsep), interpreter):
        return
    for tool in _required_tools(program.active):
        missing = next(
            (
                active_version
                for active_version in active_versions
                if active_version.tool == tool and not active_version.is_available
            ),
            None,
        )
        if missing:
            raise unavailable.not_installed_error(missing)
        if not store.versions(context.paths, tool):
            raise CommandNotInstalled(
                f"{program.active.tool} requires {tool}, but {interpreter} is not on PATH",
                f"run `envmgr use {tool} latest`",
            )


def _required_tools(active_version: ActiveVersion) -> tuple[str, ...]:
    return active_version.installed.requires if active_version.installed else ()


def _provider(context: Context, tool: str, active_versions: Sequence[ActiveVersion]) -> ActiveVersion | None:
    requested = next(
        (active_version for active_version in active_versions if active_version.tool == tool), None
    )
    if requested:
        return requested if requested.kind == "path" and requested.is_available else None
    version = _newest(context, tool)
    installed = store.get(context.paths, tool, version) if version else None
    request = Request(tool, ("latest",), Origin("argument", ""))
    return ActiveVersion(request, "latest", version=version, installed=installed) if installed else None


def _newest(context: Context, tool: str) -> str | None:
    """Return the newest stable installed version, else the newest installed one."""
    best = active.best_installed(context, tool, "latest")
    return best or next(reversed(versions.sort(store.versions(context.paths, tool))), None)


def _interpreter(path: str) -> str | None:
    """Return the interpreter that `env` runs for a script; None for any other program."""
    try:
        with open(path, "rb") as file:
            line = file.readline(_MAX_LINE_BYTES)
    except OSError:
        return None
    args = line[2:].split() if line.startswith(b"#!") else []
    if len(args) < 2 or not args[0].endswith(b"/env"):  # noqa: PLR2004 - `env` and a name
        return None
    name = args[2] if args[1] == b"-S" and len(args) > 2 else args[1]  # noqa: PLR2004 - `env -S name`
    return None if name.startswith(b"-") or b"=" in name or b"/" in name else name.decode("utf-8", "replace")

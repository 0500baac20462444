"""`x`: running a command with named tools, which are installed if missing; no project or lock changes."""

from __future__ import annotations

from envmgr.install import store
from envmgr.kit.errors import CommandNotFound
from envmgr.kit.frozen import replace
from envmgr.ops import exec_
from envmgr.project.request import Origin, Request
from envmgr.resolve import active, canonical_names, tool_specs, unavailable
from envmgr.resolve.active import ActiveVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin
    from envmgr.resolve.tool_specs import ToolSpec

NEWEST_UPSTREAM = frozenset({"latest", "stable"})
"""Words that, typed after a tool, name the newest release and not the newest installed version."""


def run(context: Context, tools: Sequence[str], command_line: Sequence[str]) -> int:
    """Run a command with tools (`TOOL@SPEC`) in front of the project's; return only on Windows."""
    return _start(context, _provide(context, tools), command_line)


def run_own_command(context: Context, tool: str, arguments: Sequence[str]) -> int:
    """Run the command that has the name of a tool; return only on Windows.

    Raise CommandNotFound if the tool has several commands and none of its name.
    """
    chosen = _provide(context, [tool])
    return _start(context, chosen, [own_command(context, chosen[0]), *arguments])


def _start(context: Context, chosen: Sequence[ActiveVersion], command_line: Sequence[str]) -> int:
    return exec_.start(context, (*chosen, *active.resolve(context)), command_line)


def own_command(context: Context, active_version: ActiveVersion) -> str:
    """Return the command of a tool's name, alias or package, else its only one."""
    commands = active_version.installed.commands() if active_version.installed else ()
    names = _names(context, active_version.tool)
    command = next((name for name in names if name in commands or active_version.find(name)), None)
    if command or len(commands) == 1:
        return command or commands[0]
    if not commands:  # the system has it, or a directory that only PATH can search
        return names[-1]
    raise CommandNotFound(
        f"{active_version.tool} has no command of its name, but {', '.join(sorted(commands))}",
        f"name one: envmgr x {active_version.tool} -- {min(commands)}",
    )


def _names(context: Context, tool: str) -> list[str]:
    aliases = context.registry.check(tool).aliases
    packages = sorted(canonical_names.short_names(tool), key=len, reverse=True)
    return list(dict.fromkeys((*aliases, *packages))) if packages else [tool, *aliases]


def _provide(context: Context, tools: Sequence[str]) -> tuple[ActiveVersion, ...]:
    """Return the versions of tools, installing those that are missing."""
    chosen = [version for text in tools for version in _resolve(context, tool_specs.parse(text))]
    missing = [version for version in chosen if not version.is_available]
    pins = _install(context, missing) if missing else {}
    return tuple(_with_installation(context, version, pins) for version in chosen)


def _resolve(context: Context, item: ToolSpec) -> tuple[ActiveVersion, ...]:
    """Return a tool's versions: of its spec, else the project's request, else the newest installed."""
    tool = canonical_names.require_in_use_or_known(context, item.tool)
    if item.spec in NEWEST_UPSTREAM:
        return (_newest_release(context, tool, item.spec or ""),)
    request = context.project.request(tool) if item.spec is None else None
    return active.resolve_request(context, request or _request(tool, item.spec or "latest"))


def _newest_release(context: Context, tool: str, spec: str) -> ActiveVersion:
    from envmgr.resolve.select_release import select_version

    version = select_version(context, tool, spec)
    return ActiveVersion(
        _request(tool, spec), spec, version=version, installed=store.get(context.paths, tool, version)
    )


def _request(tool: str, spec: str) -> Request:
    return Request(tool, (spec,), Origin("argument", ""))


def _install(context: Context, missing: Sequence[ActiveVersion]) -> dict[tuple[str, str], Pin]:
    """Install versions, and tools that they require; return the pins of all by tool and spec."""
    from envmgr.ops import install, reshim
    from envmgr.resolve import install_plan, requirements

    for version in missing:
        if version.kind == "path":
            raise unavailable.not_installed_error(version)
    requests = [replace(version.request, specs=(version.spec,)) for version in missing]
    steps = install_plan.plan_requests(context, requests, install_plan.Options())
    required = dict.fromkeys(name for _, name in requirements.find_unmet(context, steps, force=False))
    more = [context.project.request(name) or _request(name, "latest") for name in required]
    steps += install_plan.plan_requests(context, more, install_plan.Options())
    install.install_versions(context, [step.pin for step in steps])
    reshim.reshim(context)
    return {(step.pin.tool, step.pin.spec): step.pin for step in steps}


def _with_installation(
    context: Context, version: ActiveVersion, pins: dict[tuple[str, str], Pin]
) -> ActiveVersion:
    pin = pins.get((version.tool, version.spec))
    if pin is None:
        return version
    installed = store.get(context.paths, pin.tool, pin.version)
    return replace(version, version=pin.version, installed=installed)

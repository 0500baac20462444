"""Requirements of tools on other tools, checked before installing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit.errors import EnvmgrError, InstallError
from envmgr.resolve import active, canonical_names, executable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.resolve.context import Context
    from envmgr.resolve.install_plan import Step

# The program on PATH that serves a package in a required tool's place, where it is not called as the tool is.
_COMMANDS = {"nodejs": "node"}


def required_tools(context: Context, tool: str) -> set[str]:
    """Return the canonical names of the other tools that a tool requires."""
    return {
        canonical_names.canonical_name(context, name) for name in context.catalog.manifest(tool).requires
    } - {tool}


def check(context: Context, steps: Sequence[Step], *, force: bool) -> None:
    """Raise InstallError if a required tool is missing; print a warning for packages.

    A required tool is available if any version is installed, if it is installed in this run, or if the project has it
    from elsewhere (`system`, `path:`). For a package, a program on PATH is sufficient.
    """
    unmet = find_unmet(context, steps, force=force)
    for step, name in unmet:
        if _is_package(context, step):
            context.progress.message(f"{step.pin.tool} needs {name}: {_install_hint(context, name)}")
    refused = [(step, name) for step, name in unmet if not _is_package(context, step)]
    if refused:
        lines = [
            f"{step.pin.tool} {step.pin.version} needs {name}, which is not installed"
            for step, name in refused
        ]
        hints = dict.fromkeys(_install_hint(context, name) for _, name in refused)
        raise InstallError("\n".join(dict.fromkeys(lines)), "; ".join(hints))


def find_unmet(context: Context, steps: Sequence[Step], *, force: bool) -> list[tuple[Step, str]]:
    """Return the steps that install a tool whose required tool is missing, each with the name of that."""
    running = {step.pin.tool for step in steps}
    return [
        (step, name)
        for step in steps
        if force or store.get(context.paths, step.pin.tool, step.pin.version) is None
        for name in _required_tools(context, step)
        if not _is_there(context, name, running)
        and not (_is_package(context, step) and _is_on_path(context, name))
    ]


def _required_tools(context: Context, step: Step) -> Iterator[str]:
    """Yield the tools a version requires here; errors are left to its installation."""
    artifact = step.pin.locked.artifacts.get(context.platform.key)
    try:
        layout = context.catalog.layout(
            step.pin.tool, step.pin.version, context.platform, artifact.url if artifact else None
        )
    except EnvmgrError:
        return
    yield from (name for name in (layout.requires if layout else ()) if name != step.pin.tool)


def _is_there(context: Context, tool: str, running: set[str]) -> bool:
    if tool in running or store.versions(context.paths, tool):
        return True
    requested = active.resolve_tool(context, tool)
    return requested is not None and requested.is_available


def _is_package(context: Context, step: Step) -> bool:
    return context.registry.scope(context.catalog.manifest(step.pin.tool)) == "package"


def _is_on_path(context: Context, tool: str) -> bool:
    return executable.find_outside_shims(context, _COMMANDS.get(tool, tool)) is not None


def _install_hint(context: Context, tool: str) -> str:
    if context.project.request(tool):
        return f"run `envmgr install {tool}`"
    return f"run `envmgr use {tool} latest`"

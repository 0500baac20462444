"""Activation of shells: the script for a start file, and the environment plan of a directory."""

from __future__ import annotations

import os

from envmgr.kit.errors import EnvmgrError, UsageError, WorkingDirectoryMissing
from envmgr.kit.frozen import frozen
from envmgr.kit.text_lists import shorten_list
from envmgr.project import discovery, known_projects
from envmgr.resolve import active, tool_environment
from envmgr.shells import quoting
from envmgr.shells.activation import environment_plan
from envmgr.shells.activation.activation_shell import SHELLS
from envmgr.shells.activation.environment_plan import Checks, EnvironmentPlan, InputChanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_environment import ToolEnvironment
    from envmgr.shells.activation.activation_shell import ActivationShell
    from envmgr.shells.activation.environment_plan import Recording

_NO_TOOLS = tool_environment.ToolEnvironment((), {})


@frozen
class _Resolution:
    """The environment of a directory, the versions that it comes from, and what the user must know."""

    environment: ToolEnvironment = _NO_TOOLS
    active_versions: tuple[ActiveVersion, ...] = ()
    note: str = ""


def shell_named(name: str) -> ActivationShell:
    """Return a shell by its name; raise UsageError for an unsupported one."""
    create = SHELLS.get(name)
    if create is None:
        raise UsageError(f"unsupported shell {name}", f"use one of {', '.join(SHELLS)}")
    return create()


def script(context: Context, shell: ActivationShell) -> str:
    """Return the code that activates a shell."""
    from envmgr.shells import shim
    from envmgr.shells.activation.script import render_script

    return render_script(shell, shim.shim_context(context.paths))


def plan_directory(context: Context, shell: ActivationShell) -> str:
    """Return the environment plan of the directory as code, and write it for other shells.

    Problems of the project become the plan's note. Raise WorkingDirectoryMissing if the directory was removed.
    """
    recording = environment_plan.start(context.paths)
    try:
        resolution = _resolve(context)
        planned, text = _render(shell, _make_plan(context, recording, resolution))
    except BaseException:
        environment_plan.discard(recording)
        raise
    if resolution.active_versions:
        known_projects.record(context.paths, context.project)
    environment_plan.finish(context.paths, recording, shell.plan_name, planned, text)
    return text


def _render(shell: ActivationShell, planned: EnvironmentPlan) -> tuple[EnvironmentPlan, str]:
    """Return a plan and its text; it is not settled if an input changes meanwhile."""
    try:
        return planned, shell.render(planned)
    except InputChanged:
        changed = environment_plan.mark_unsettled(planned)
        return changed, shell.render(changed)


def _resolve(context: Context) -> _Resolution:
    try:
        active_versions = active.resolve(context)
        environment = tool_environment.tool_environment(context, active_versions)
    except WorkingDirectoryMissing:
        raise
    except EnvmgrError as error:
        return _Resolution(note=_note(error.message, error.hint))
    return _Resolution(environment, active_versions, notes_of(active_versions, environment.excluded))


def notes_of(active_versions: Sequence[ActiveVersion], excluded: Sequence[ActiveVersion]) -> str:
    """Return the message for tools that are missing, and for those that are not added to PATH."""
    missing = [item for item in active_versions if not item.is_available]
    notes = [_missing_note(missing)] if missing else []
    return "\n".join([*notes, *([_excluded_note(excluded)] if excluded else [])])


def _excluded_note(excluded: Sequence[ActiveVersion]) -> str:
    """Return the message for `path:` requests whose directories are not on PATH."""
    listing = shorten_list([f"{item.tool}={item.spec} ({item.request.origin})" for item in excluded])
    return _note(f"not added to PATH: {listing}", "run its programs with `envmgr exec -- COMMAND`")


def _missing_note(missing: Sequence[ActiveVersion]) -> str:
    """Return the message for requested tools that are missing."""
    from envmgr.resolve import unavailable

    first = unavailable.not_installed_error(missing[0])
    if len(missing) == 1:
        return _note(first.message, first.hint)
    listing = shorten_list([f"{item.tool} {item.version or item.spec}" for item in missing])
    return _note(f"requested but not installed: {listing}", "run `envmgr install`")


def _note(message: str, hint: str | None) -> str:
    return f"envmgr: {message}" + (f"\nhint: {hint}" if hint else "")


def _make_plan(context: Context, recording: Recording, resolution: _Resolution) -> EnvironmentPlan:
    searched_paths = discovery.search_paths(context.environment)
    project = next((os.path.dirname(path) for path in searched_paths if os.path.isfile(path)), None)
    exports = resolution.environment.exports
    return EnvironmentPlan(
        project or "",
        resolution.environment.path,
        {name: value for name, value in exports.items() if quoting.can_export(name)},
        resolution.note,
        _checks(
            context, recording, resolution, tool_environment.project_files(context, project, searched_paths)
        ),
    )


def _checks(
    context: Context, recording: Recording, resolution: _Resolution, files: tuple[str, ...]
) -> Checks:
    inputs, is_settled = environment_plan.record_inputs(context.paths, recording, files)
    names = tool_environment.deciding_variables(context, resolution.active_versions)
    return Checks(
        inputs,
        tool_environment.values_of(context, names),
        _directories(resolution),
        context.environment.get("ENVMGR_HOME") or context.paths.root,
        recording.mark,
        is_settled,
    )


def _directories(resolution: _Resolution) -> dict[str, bool]:
    """Return directories that another program may create or remove, and whether they exist."""
    installations = [item.installed.path for item in resolution.environment.sources if item.installed]
    external = [item for item in resolution.active_versions if item.kind == "path"]
    return {**dict.fromkeys(installations, True), **{item.directory: item.is_available for item in external}}

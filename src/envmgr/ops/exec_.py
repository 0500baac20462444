"""Running a command with the tools of a project."""

from __future__ import annotations

import os

from envmgr.kit.environment import is_overridden
from envmgr.kit.errors import CannotRun, CommandNotFound, WorkingDirectoryMissing
from envmgr.ops.confirmation import decline_all
from envmgr.project import known_projects
from envmgr.project.request import Origin, Request
from envmgr.resolve import active, executable, tool_environment, tool_specs, unavailable
from envmgr.shells import execution, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.ops.confirmation import Confirm
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context
    from envmgr.resolve.executable import Program
    from envmgr.shells.plan import Draft


def run(
    context: Context, tools: Sequence[str], command_line: Sequence[str], confirm: Confirm = decline_all
) -> int:
    """Run a command with the named tools (`TOOL@SPEC`) in front of the project's; return only on Windows.

    Raise NotInstalled if one of the named tools, or without any, of the project's tools is missing.
    """
    requests = [_request(context, text) for text in tools]
    chosen, project = _resolve(context, requests), active.resolve(context)
    if _install_missing(context, chosen if tools else project, confirm):
        chosen, project = _resolve(context, requests), active.resolve(context)
    _check_available(chosen if tools else project)
    return start(context, (*chosen, *project), command_line)


def start(context: Context, active_versions: Sequence[ActiveVersion], command_line: Sequence[str]) -> int:
    """Run a command with versions in front of PATH; return only on Windows."""
    known_projects.record(context.paths, context.project)
    _enter(context)
    active_versions = (
        *active_versions,
        *tool_environment.runtime_providers(context, active_versions, active_versions),
    )
    variables = _variables(context, active_versions)
    variables["PATH"] = execution.prepend_path(
        tool_environment.bin_dirs(active_versions), variables.get("PATH", "")
    )
    path = executable.on_path(variables["PATH"], command_line[0])
    if path is None:
        raise unavailable.unavailable_error(context, command_line[0], active_versions)
    return execution.exec_program(path, command_line[1:], variables)


def _request(context: Context, text: str) -> Request:
    item = tool_specs.parse(text)
    from envmgr.resolve import canonical_names

    tool = canonical_names.require_in_use_or_known(context, item.tool)
    request = context.project.request(tool)
    if item.spec is None and request:
        return request
    return Request(tool, (item.spec or "latest",), Origin("argument", ""))


def _resolve(context: Context, requests: Sequence[Request]) -> tuple[ActiveVersion, ...]:
    return tuple(
        active_version for request in requests for active_version in active.resolve_request(context, request)
    )


def _check_available(active_versions: Sequence[ActiveVersion]) -> None:
    for active_version in active_versions:
        if not active_version.is_available:
            raise unavailable.not_installed_error(active_version)


def _enter(context: Context) -> None:
    """Change to the directory of `--cwd`."""
    try:
        is_there = os.path.samefile(context.environment.cwd, os.curdir)
    except OSError:  # the process's own directory was removed
        is_there = False
    if not is_there:
        os.chdir(context.environment.cwd)


def run_shim(context: Context, command: str, arguments: Sequence[str], confirm: Confirm = decline_all) -> int:
    """Run the command of a shim and write a plan for the next run; return only on Windows.

    Raise NotInstalled, NoVersionSet or CommandNotFound.
    """
    _check_directory(context)
    draft = plan.start(context.paths)
    try:
        active_versions, program = _find(context, command, confirm)
        providers = tool_environment.runtime_providers(context, (program.active,), active_versions)
        variables = _variables(context, (*active_versions, *providers))
        path = execution.with_shims(context.paths.shims, variables.get("PATH", ""))
        variables["PATH"] = execution.ensure_path_prefix(tool_environment.bin_dirs(providers), path)
        _check_interpreter(context, program, active_versions, variables["PATH"])
        known_projects.record(context.paths, context.project)
        if draft:
            _write_plan(context, draft, command, active_versions, program, providers)
    finally:
        if draft:
            plan.discard(draft)
    return execution.exec_program(program.path, arguments, variables)


def _check_directory(context: Context) -> None:
    """Raise CannotRun if the working directory was removed: which project applies is unknown."""
    try:
        _ = context.environment.cwd
    except WorkingDirectoryMissing as error:
        raise CannotRun(error.message, error.hint) from None


def _check_interpreter(
    context: Context, program: Program, active_versions: Sequence[ActiveVersion], path: str
) -> None:
    if program.active.installed and program.active.installed.requires:
        from envmgr.resolve import runtime_deps

        runtime_deps.check(context, program, active_versions, path)


def _find(context: Context, command: str, confirm: Confirm) -> tuple[tuple[ActiveVersion, ...], Program]:
    active_versions = active.resolve(context)
    program = executable.locate(context, command, active_versions)
    if program is None and _install_missing(context, _candidates(context, command, active_versions), confirm):
        active_versions = active.resolve(context)
        program = executable.locate(context, command, active_versions)
    program = program or executable.locate_fallthrough(context, command, active_versions)
    if program is None:
        raise _unavailable(context, command, active_versions)
    return active_versions, program


def _candidates(
    context: Context, command: str, active_versions: Sequence[ActiveVersion]
) -> list[ActiveVersion]:
    """Return the missing tools that may bring a command: those known to have it, else all."""
    providers = unavailable.installed_providers(context, command)
    return [
        active_version
        for active_version in active_versions
        if not providers or active_version.tool in providers
    ]


def _unavailable(context: Context, command: str, active_versions: tuple[ActiveVersion, ...]) -> Exception:
    """Return why a command cannot run; a set and installed tool may lack it."""
    providers = unavailable.installed_providers(context, command)
    there = next(
        (
            active_version
            for active_version in active_versions
            if active_version.tool in providers and active_version.is_available
        ),
        None,
    )
    return (
        _command_missing(command, there, providers[there.tool])
        if there
        else unavailable.unavailable_error(context, command, active_versions)
    )


def _command_missing(
    command: str, active_version: ActiveVersion, installed: Sequence[str]
) -> CommandNotFound:
    request = f"{active_version.tool}={active_version.spec} ({active_version.request.origin})"
    hint = f"installed versions of {active_version.tool} that have it: {', '.join(installed)}"
    if active_version.kind == "system":
        return CommandNotFound(f"{request}: no other {command} on PATH", hint)
    return CommandNotFound(
        f"{request} is {active_version.version or active_version.directory}, which does not provide {command}",
        hint,
    )


def _install_missing(context: Context, active_versions: Sequence[ActiveVersion], confirm: Confirm) -> bool:
    """Install missing tools, if settings and user allow it; return whether any were installed."""
    missing = [
        active_version
        for active_version in active_versions
        if active_version.kind == "version" and not active_version.is_available
    ]
    if not missing or not _can_install(context, missing, confirm):
        return False
    from envmgr.ops import install

    install.install_requests(context, dict.fromkeys(active_version.request for active_version in missing))
    return True


def _can_install(context: Context, missing: Sequence[ActiveVersion], confirm: Confirm) -> bool:
    policy = context.settings.auto_install
    if policy == "never":
        return False
    names = ", ".join(
        f"{active_version.tool} {active_version.version or active_version.spec}" for active_version in missing
    )
    return policy == "always" or confirm(f"{names} not installed. Install now?")


def _variables(context: Context, active_versions: Sequence[ActiveVersion]) -> dict[str, str]:
    return {
        **execution.restore_environment(context.environment.variables),
        **tool_environment.exports(active_versions),
    }


def _write_plan(
    context: Context,
    draft: Draft,
    command: str,
    active_versions: Sequence[ActiveVersion],
    program: Program,
    provided: Sequence[ActiveVersion],
) -> None:
    """Write the plan of a command, unless a variable applied, which is valid for this run only."""
    variables = _deciding_variables(context, active_versions, program)
    if is_overridden(variables):
        return
    directories = [
        active_version.installed.path
        for active_version in active_versions
        if active_version.installed and active_version.installed.env
    ]
    directories += [
        active_version.installed.path if active_version.installed else active_version.directory
        for active_version in provided
    ]
    result = plan.Plan(
        program.path,
        tool_environment.exports((*active_versions, *provided)),
        _inputs(context, program),
        variables,
        tuple(directories),
        tool_environment.bin_dirs(provided),
    )
    plan.commit(context.paths, draft, context.project.directory, command, result)


def _deciding_variables(
    context: Context, active_versions: Sequence[ActiveVersion], program: Program
) -> dict[str, str]:
    """Return the variables that decided, or would have if they had been set."""
    names = tool_environment.deciding_variables(context, active_versions)
    names |= {"ENVMGR_FALLTHROUGH"} if _is_fallthrough(program) else set()
    names |= {"PATH"} if program.active.kind == "system" else set()
    return tool_environment.values_of(context, names)


def _inputs(context: Context, program: Program) -> tuple[str, ...]:
    """Return the files that a resolution depends on: the dotfiles up to the root, and their locks."""
    project = context.project
    files = tool_environment.project_files(context, project.directory, project.searched_paths)
    settings = [context.paths.config_file] if _is_fallthrough(program) else []
    return tuple(dict.fromkeys((*files, *settings, *program.skipped_paths)))


def _is_fallthrough(program: Program) -> bool:
    return program.active.tool == executable.FALLTHROUGH_TOOL

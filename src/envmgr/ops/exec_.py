"""Running a command with the tools a project asks for."""

from __future__ import annotations

import os

from envmgr.install import store
from envmgr.kit.environment import override_variable
from envmgr.kit.errors import CommandNotFound
from envmgr.project import lockfile_io
from envmgr.project.request import Origin, Request
from envmgr.resolve import active, executable, tool_specs, unavailable
from envmgr.shells import execution, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context
    from envmgr.resolve.executable import Program
    from envmgr.shells.plan import Draft

    Confirm = Callable[[str], bool]


def never_confirm(_question: str) -> bool:
    """Answer no: nobody is there to ask."""
    return False


def run(
    context: Context, named: Sequence[str], command_line: Sequence[str], confirm: Confirm = never_confirm
) -> int:
    """Run a command with the named tools (`TOOL@SPEC`) in front of the project's; return only on Windows.

    Raise NotInstalled when one of the named tools is missing, or, with none named, any that the project asks for.
    """
    requests = [_request(context, text) for text in named]
    chosen, project = _resolve(context, requests), active.resolve(context)
    if _install_missing(context, chosen if named else project, confirm):
        chosen, project = _resolve(context, requests), active.resolve(context)
    actives = (*chosen, *project)
    _check_available(chosen if named else actives)
    _enter(context)
    actives = (*actives, *_providers(context, actives, actives))
    variables = _variables(context, actives)
    variables["PATH"] = execution.prepend_path(_bin_dirs(actives), variables.get("PATH", ""))
    path = executable.on_path(variables["PATH"], command_line[0])
    if path is None:
        raise unavailable.unavailable_error(context, command_line[0], actives)
    return execution.exec_program(path, command_line[1:], variables)


def _request(context: Context, text: str) -> Request:
    item = tool_specs.parse(text)
    from envmgr.resolve import canonical_names

    tool = canonical_names.require_installed_or_known(context, item.tool)
    asked = context.project.request(tool)
    if item.spec is None and asked:
        return asked
    return Request(tool, (item.spec or "latest",), Origin("argument", ""))


def _resolve(context: Context, requests: Sequence[Request]) -> tuple[ActiveVersion, ...]:
    return tuple(one for request in requests for one in active.resolve_request(context, request))


def _check_available(active_versions: Sequence[ActiveVersion]) -> None:
    for one in active_versions:
        if not one.is_available:
            raise unavailable.not_installed_error(one)


def _enter(context: Context) -> None:
    """Go to the directory that `--cwd` names."""
    try:
        is_there = os.path.samefile(context.environment.cwd, os.curdir)
    except OSError:  # our own directory was removed: stay
        is_there = True
    if not is_there:
        os.chdir(context.environment.cwd)


def run_shim(
    context: Context, command: str, arguments: Sequence[str], confirm: Confirm = never_confirm
) -> int:
    """Run what a shim stands for, and leave a plan for the next time; return only on Windows.

    Raise NotInstalled, NoVersionSet or CommandNotFound.
    """
    draft = plan.start(context.paths)
    try:
        actives, found = _find(context, command, confirm)
        lent = _providers(context, (found.active,), actives)
        variables = _variables(context, (*actives, *lent))
        path = execution.with_shims(context.paths.shims, variables.get("PATH", ""))
        variables["PATH"] = execution.ensure_path_prefix(_bin_dirs(lent), path)
        _check_interpreter(context, found, actives, variables["PATH"])
        if draft:
            _write_plan(context, draft, command, actives, found, lent)
    finally:
        if draft:
            plan.discard(draft)
    return execution.exec_program(found.path, arguments, variables)


def _providers(
    context: Context, dependents: Sequence[ActiveVersion], active_versions: Sequence[ActiveVersion]
) -> tuple[ActiveVersion, ...]:
    """Return what the dependents run on and nobody asks for."""
    if not any(one.installed and one.installed.requires for one in dependents):
        return ()
    from envmgr.resolve import runtime_deps

    return runtime_deps.runtime_providers(context, dependents, active_versions)


def _check_interpreter(
    context: Context, found: Program, active_versions: Sequence[ActiveVersion], path: str
) -> None:
    if found.active.installed and found.active.installed.requires:
        from envmgr.resolve import runtime_deps

        runtime_deps.check(context, found, active_versions, path)


def _bin_dirs(active_versions: Sequence[ActiveVersion]) -> tuple[str, ...]:
    return tuple(directory for one in active_versions for directory in one.bin_dirs)


def _find(context: Context, command: str, confirm: Confirm) -> tuple[tuple[ActiveVersion, ...], Program]:
    actives = active.resolve(context)
    found = executable.locate(context, command, actives)
    if found is None and _install_missing(context, _candidates(context, command, actives), confirm):
        actives = active.resolve(context)
        found = executable.locate(context, command, actives)
    if found is None:
        raise _unavailable(context, command, actives)
    return actives, found


def _candidates(
    context: Context, command: str, active_versions: Sequence[ActiveVersion]
) -> list[ActiveVersion]:
    """Return the missing tools that may bring a command: those known to have it, else all."""
    providers = unavailable.installed_providers(context, command)
    return [one for one in active_versions if not providers or one.tool in providers]


def _unavailable(context: Context, command: str, active_versions: tuple[ActiveVersion, ...]) -> Exception:
    """Say why a command cannot run; what is set and installed, but has no such command, is not unset."""
    providers = unavailable.installed_providers(context, command)
    there = next((one for one in active_versions if one.tool in providers and one.is_available), None)
    return (
        _command_missing(command, there, providers[there.tool])
        if there
        else unavailable.unavailable_error(context, command, active_versions)
    )


def _command_missing(command: str, one: ActiveVersion, having: Sequence[str]) -> CommandNotFound:
    asked = f"{one.tool}={one.spec} ({one.request.origin})"
    hint = f"installed versions of {one.tool} that have it: {', '.join(having)}"
    if one.kind == "system":
        return CommandNotFound(f"{asked}: there is no other {command} on PATH", hint)
    return CommandNotFound(
        f"{asked} is {one.version or one.directory}, which has no command {command!r}", hint
    )


def _install_missing(context: Context, active_versions: Sequence[ActiveVersion], confirm: Confirm) -> bool:
    """Install what is missing, if the settings and the user let us; tell whether anything was."""
    missing = [one for one in active_versions if one.kind == "version" and not one.is_available]
    if not missing or not _may_install(context, missing, confirm):
        return False
    from envmgr.ops import install

    install.install_requests(context, dict.fromkeys(one.request for one in missing))
    return True


def _may_install(context: Context, missing: Sequence[ActiveVersion], confirm: Confirm) -> bool:
    policy = context.settings.auto_install
    names = ", ".join(f"{one.tool} {one.version or one.spec}" for one in missing)
    return policy == "always" or (policy == "ask" and confirm(f"{names} not installed. Install now?"))


def _exports(active_versions: Sequence[ActiveVersion]) -> dict[str, str]:
    """Return the variables of the active tools; what comes first holds."""
    found: dict[str, str] = {}
    for one in active_versions:
        for name, value in (one.installed.env if one.installed else {}).items():
            found.setdefault(name, value)
    return found


def _variables(context: Context, active_versions: Sequence[ActiveVersion]) -> dict[str, str]:
    return {**execution.restore_environment(context.environment.variables), **_exports(active_versions)}


def _write_plan(
    context: Context,
    draft: Draft,
    command: str,
    active_versions: Sequence[ActiveVersion],
    found: Program,
    provided: Sequence[ActiveVersion],
) -> None:
    """Write the plan of a command, unless a variable decided something: that holds for this run alone."""
    variables = _deciding_variables(context, active_versions, found)
    if any(value for name, value in variables.items() if name.endswith("_VERSION")):
        return
    places = [one.installed.path for one in active_versions if one.installed and one.installed.env]
    places += [one.installed.path if one.installed else one.directory for one in provided]
    made = plan.Plan(
        found.path,
        _exports((*active_versions, *provided)),
        _inputs(context, found),
        variables,
        tuple(places),
        _bin_dirs(provided),
    )
    plan.commit(context.paths, draft, context.project.directory, command, made)


def _deciding_variables(
    context: Context, active_versions: Sequence[ActiveVersion], found: Program
) -> dict[str, str]:
    """Return the variables that decided, or would have if they had been set."""
    names = {
        override_variable(tool)
        for tool in (*store.tools(context.paths), *(one.tool for one in active_versions))
    }
    names.add("ENVMGR_CEILING")
    if found.active.kind == "system":
        names.add("PATH")
    if any(one.kind == "path" for one in active_versions) or context.paths.data != context.paths.settings:
        names |= {"HOME", "XDG_CONFIG_HOME"}
    return {name: context.environment.variables.get(name, "") for name in sorted(names)}


def _inputs(context: Context, found: Program) -> tuple[str, ...]:
    """Return the files a decision was made from: dotfiles at and above the project's directory, their locks."""
    inside = context.project.directory
    dotfiles = [path for path in context.project.searched_paths if inside and _is_at_or_above(path, inside)]
    files = []
    for path in (*dotfiles, context.paths.global_file):
        files += [path, lockfile_io.path_beside(path)] if os.path.isfile(path) else [path]
    return tuple(dict.fromkeys((*files, *found.skipped_paths)))


def _is_at_or_above(dotfile: str, directory: str) -> bool:
    parent = os.path.dirname(dotfile)
    return parent == directory or directory.startswith(parent.rstrip("/") + "/")

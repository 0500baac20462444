"""`doctor`: diagnosis and repair of an installation of envmgr."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit import file_locks
from envmgr.kit.digest import Digest
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import list_names
from envmgr.kit.paths import decode_file_name
from envmgr.kit.text_lists import shorten_list
from envmgr.kit.thread_pool import map_parallel
from envmgr.lockformat.model import Artifact, Locked
from envmgr.ops import install, reshim, shell_setup
from envmgr.resolve import active, install_plan
from envmgr.resolve.context import Context
from envmgr.resolve.lock_update import Pin
from envmgr.resolve.system_programs import find_system_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envmgr.install.store import Installed
    from envmgr.resolve.system_programs import SystemPrograms

OK, WARNING, ERROR = "ok", "warning", "error"
MAX_PARALLEL_CHECKS = 8


@frozen
class Finding:
    """The outcome of one check: `hint` is the fix, `fixed` whether it was applied."""

    check: str
    state: str
    message: str
    hint: str | None = None
    fixed: bool = False


def diagnose(context: Context) -> tuple[Finding, ...]:
    """Run every check without changes; the same failure of several checks is reported once."""
    findings: dict[str, Finding] = {}
    for name in CHECKS:
        for finding in _run(context, name):
            findings.setdefault(finding.message, finding)
    return tuple(findings.values())


def fix(context: Context) -> tuple[Finding, ...]:
    """Fix problems, then run every check."""
    findings = tuple(finding for fix in _FIXES for finding in fix(context))
    return (*findings, *diagnose(context))


def _run(context: Context, name: str) -> Iterator[Finding]:
    """Run a check; an error becomes its finding."""
    context.progress.step("doctor", f"checking {name}")
    try:
        yield from CHECKS[name](context)
    except EnvmgrError as error:
        yield Finding(name, ERROR, error.message, error.hint)
    finally:
        context.progress.done("doctor", f"checked {name}")


def _fix_staging(context: Context) -> Iterator[Finding]:
    count = store.remove_stale(context.paths, context.progress)
    if count:
        yield Finding("staging", OK, f"cleaned up {_count(count, 'interrupted installation')}", fixed=True)


def _fix_installs(context: Context) -> Iterator[Finding]:
    """Reinstall damaged installations from their archives; remove those without a receipt."""
    for tool, version, _ in _find_damaged(context):
        installed = store.get(context.paths, tool, version)
        if installed and installed.link:
            continue
        if installed is None:
            context.progress.step(f"{tool} {version}", "removing")
            store.remove(context.paths, tool, version)
            context.progress.done(f"{tool} {version}", "removed")
            yield Finding("installs", OK, f"removed {tool} {version} (no receipt)", fixed=True)
        else:
            yield _reinstall(context, installed)


def _reinstall(context: Context, installed: Installed) -> Finding:
    name = f"{installed.tool} {installed.version}"
    artifact = Artifact(installed.url, Digest("sha256", installed.sha256), installed.size)
    pin = Pin(
        installed.tool,
        installed.version,
        installed.version,
        Locked(installed.plugin, {installed.platform: artifact}),
    )
    try:
        install.run(context, [install_plan.Step(pin)], install_plan.Options(force=True))
    except EnvmgrError as error:
        return Finding(
            "installs",
            WARNING,
            f"{name} is still damaged; reinstall failed: {error.message}",
            error.hint,
        )
    return Finding("installs", OK, f"reinstalled {name} (was damaged)", fixed=True)


def _fix_shims(context: Context) -> Iterator[Finding]:
    try:
        changes = reshim.reshim(context)
    except EnvmgrError as error:
        yield Finding("shims", ERROR, error.message, error.hint)
        return
    for verb, names in (("wrote", changes.written), ("removed", changes.removed)):
        if names:
            yield Finding(
                "shims", OK, f"{verb} {_count(len(names), 'shim')}: {shorten_list(names)}", fixed=True
            )


_FIXES: tuple[Callable[[Context], Iterator[Finding]], ...] = (_fix_staging, _fix_installs, _fix_shims)


def _check_settings(context: Context) -> Iterator[Finding]:
    _ = context.settings  # reading them raises what is wrong with them
    path = context.paths.config_file
    yield Finding("settings", OK, f"{path} is valid" if os.path.isfile(path) else "all defaults")


def _check_directories(context: Context) -> Iterator[Finding]:
    for directory in dict.fromkeys((context.paths.data, context.paths.settings, context.paths.cache)):
        existing = _nearest_existing(directory)
        if os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK):
            yield Finding("directories", OK, f"{directory} is writable")
        else:
            yield Finding(
                "directories",
                ERROR,
                f"{existing} is not writable"
                if os.path.isdir(existing)
                else f"{existing} is not a directory",
                "check its ownership, or set ENVMGR_HOME to a writable directory",
            )
    yield from _check_locks(context)


def _check_locks(context: Context) -> Iterator[Finding]:
    if not os.access(_nearest_existing(context.paths.locks), os.W_OK | os.X_OK):
        return
    reason = file_locks.unsupported_reason(context.paths)
    if reason:
        yield Finding(
            "directories",
            OK,
            f"the file system of {context.paths.data} has no locks ({reason}): lock files are used instead",
        )


def _nearest_existing(path: str) -> str:
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def _check_path(context: Context) -> Iterator[Finding]:
    entries = context.environment.get("PATH").split(os.pathsep)
    shims = context.paths.shims
    active_dirs = shell_setup.active_directories(context)
    if shims not in entries and shell_setup.can_find_programs(context):
        yield Finding("path", OK, f"{shims} is not on PATH; activated shells do not need it")
        return
    if shims not in entries:
        yield Finding(
            "path",
            WARNING,
            f"{shims} is not on PATH",
            f'add it to the front, for example: `export PATH="{shims}:$PATH"` in your shell\'s start file',
        )
        return
    before = [entry for entry in entries[: entries.index(shims)] if entry not in active_dirs]
    hidden = sorted(set(_hidden_commands(shims, before)))
    if hidden:
        yield Finding(
            "path",
            WARNING,
            f"shadowed by other programs earlier on PATH: {shorten_list(hidden)}",
            f"move {shims} to the front of PATH",
        )
    else:
        yield Finding("path", OK, "shims are first on PATH")


def _check_activation(context: Context) -> Iterator[Finding]:
    shells = shell_setup.activated_shells(context)
    listing = ", ".join(f"{name} ({path})" for name, path in shells.items())
    if shells:
        yield Finding("activation", OK, f"set up: {listing}")
    elif shell_setup.active_directories(context):
        yield Finding("activation", OK, "this shell is activated")
    else:
        yield Finding("activation", OK, "not set up (optional: `envmgr setup SHELL`)")


def _hidden_commands(shims: str, before: list[str]) -> Iterator[str]:
    names = list_names(shims)
    for directory in before:
        for name in names:
            if not name.startswith(".") and store.is_program(os.path.join(directory, name)):
                yield name


def _check_shims(context: Context) -> Iterator[Finding]:
    stale = reshim.stale(context)
    if stale:
        yield Finding("shims", WARNING, f"out of date: {shorten_list(stale)}", "run `envmgr reshim`")
    else:
        yield Finding("shims", OK, f"{_count(len(reshim.required_commands(context)), 'shim')} up to date")


def _check_staging(context: Context) -> Iterator[Finding]:
    stale = store.count_stale(context.paths)
    if stale:
        yield Finding(
            "staging",
            WARNING,
            f"{_count(stale, 'interrupted installation')} left files behind",
            "run `envmgr doctor --fix`; any install removes it too",
        )
    else:
        yield Finding("staging", OK, "no leftovers")


def _check_installs(context: Context) -> Iterator[Finding]:
    broken = _find_damaged(context)
    for tool, version, difference in broken:
        yield Finding(
            "installs",
            ERROR,
            f"{tool} {version} is damaged: {difference}",
            f"run `envmgr doctor --fix`, or `envmgr install {tool}@{version} --force`",
        )
    if not broken:
        count = len(list(store.all_installed(context.paths)))
        yield Finding("installs", OK, f"{_count(count, 'installed version')} intact")
    yield from _check_links(context)


def _check_links(context: Context) -> Iterator[Finding]:
    for installed in store.all_installed(context.paths):
        name = f"{installed.tool} {installed.version}"
        if installed.is_broken:
            yield Finding(
                "installs",
                ERROR,
                f"{name} is linked to {installed.link}: directory not found",
                f"restore it, or run `envmgr uninstall {installed.tool}@{installed.version}`",
            )
        elif installed.link:
            yield Finding("installs", OK, f"{name} is linked to {installed.link}")


def _find_damaged(context: Context) -> list[tuple[str, str, str]]:
    """Return each damaged installation with the first differences between its receipt and its tree."""
    results = []
    for tool, version in _directories(context):
        context.progress.step("doctor", f"checking {tool} {version}")
        differences = store.check(context.paths, tool, version) or _lacks_commands(context, tool, version)
        if differences:
            results.append((tool, version, shorten_list(differences)))
    return results


def _lacks_commands(context: Context, tool: str, version: str) -> tuple[str, ...]:
    installed = store.get(context.paths, tool, version)
    if installed is None or installed.link or installed.commands() or any(map(_is_empty, installed.bin_dirs)):
        return ()
    return ("it provides no commands",)


def _is_empty(directory: str) -> bool:
    """Return whether a directory is there for programs that are installed later."""
    return os.path.isdir(directory) and not list_names(directory)


def _directories(context: Context) -> Iterator[tuple[str, str]]:
    """Return the tool and version of everything in the store, whether it has a receipt or not."""
    for tool in _entry_names(context.paths.installs):
        for version in _entry_names(os.path.dirname(context.paths.install(tool, "-"))):
            yield tool, version


def _is_own_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _entry_names(directory: str) -> list[str]:
    names = []
    for name in sorted(list_names(directory)):
        if not _is_own_directory(os.path.join(directory, name)):
            continue
        try:
            names.append(decode_file_name(name))
        except ValueError:  # not a name we gave
            continue
    return names


def _check_plugins(context: Context) -> Iterator[Finding]:
    names, failed = context.registry.names(), 0
    for name in names:
        try:
            context.registry.check(name)
        except EnvmgrError as error:
            failed += 1
            yield Finding("plugins", ERROR, error.message, error.hint)
    if not failed:
        yield Finding("plugins", OK, f"{_count(len(names), 'manifest')} valid")


def _check_project(context: Context) -> Iterator[Finding]:
    result = active.resolve(context)
    missing = [item for item in result if not item.is_available]
    if missing:
        names = ", ".join(f"{item.tool} {item.version or item.spec}" for item in missing)
        yield Finding("project", WARNING, f"requested but not installed: {names}", "run `envmgr install`")
    else:
        summary = f"{_count(len(result), 'tool')} requested, all installed"
        yield Finding("project", OK, summary if result else "no tools requested")


def _check_commands(context: Context) -> Iterator[Finding]:
    """Report the programs of the system that run where the project requests a tool."""
    offline = Context(context.environment, context.paths, flags={**context.flags, "offline": True})
    with contextlib.closing(offline):
        results = find_system_programs(offline)
    for item in results:
        yield _system_finding(context, item)
    if not results:
        yield Finding("commands", OK, "no other program runs in place of a requested tool")


def _system_finding(context: Context, item: SystemPrograms) -> Finding:
    active_version = item.active
    name = f"{active_version.tool} {active_version.version or active_version.spec}"
    programs = shorten_list(f"{command} ({path})" for command, path in item.programs.items())
    message = f"{name} is requested by {active_version.request.origin}, but other programs run: {programs}"
    return Finding("commands", WARNING, message, _system_hint(context, item))


def _system_hint(context: Context, item: SystemPrograms) -> str:
    if not item.active.is_available:
        return "run `envmgr install`"
    if item.active.kind == "path":
        return "a `path:` request has no shims: run `envmgr exec -- COMMAND`"
    if item.shimmed != frozenset(item.programs):
        return "they have no shims: run `envmgr reshim`"
    return f"move {context.paths.shims} to the front of PATH"


def _check_network(context: Context) -> Iterator[Finding]:
    if context.settings.offline:
        yield Finding("network", OK, "skipped (offline)")
        return
    tools = sorted({request.tool for request in context.project.requests()})
    with contextlib.closing(_probe(context)) as probe:
        results = map_parallel(lambda tool: _reach(probe, tool), tools, MAX_PARALLEL_CHECKS)
        cached = {fallback.error.message: fallback for fallback in probe.catalog.fallbacks}.values()
    findings = [finding for finding in results if finding]
    findings += [Finding("network", WARNING, str(fallback), fallback.error.hint) for fallback in cached]
    yield from findings
    if not findings:
        summary = (
            f"release lists of {shorten_list(tools)} reachable" if tools else "skipped (no tools requested)"
        )
        yield Finding("network", OK, summary)


def _probe(context: Context) -> Context:
    """Return a context that requests each list in one attempt and reports nothing by itself."""
    return Context(context.environment, context.paths, flags={**context.flags, "http_retries": 0})


def _reach(context: Context, tool: str) -> Finding | None:
    try:
        context.catalog.listing(tool)
    except EnvmgrError as error:
        return Finding("network", WARNING, f"{tool}: {error.message}", error.hint)
    return None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


CHECKS: dict[str, Callable[[Context], Iterator[Finding]]] = {
    "settings": _check_settings,
    "project": _check_project,
    "directories": _check_directories,
    "path": _check_path,
    "activation": _check_activation,
    "shims": _check_shims,
    "staging": _check_staging,
    "installs": _check_installs,
    "commands": _check_commands,
    "plugins": _check_plugins,
    "network": _check_network,
}

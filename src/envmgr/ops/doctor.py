"""Looking for what is wrong with an installation of envmgr, and mending it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.value import frozen
from envmgr.ops import active, reshim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envmgr.ops.context import Context

OK, WARNING, ERROR = "ok", "warning", "error"


@frozen
class Finding:
    """The outcome of one check: `hint` says what to do, `fixed` that it was done."""

    check: str
    state: str
    message: str
    hint: str | None = None
    fixed: bool = False


def diagnose(context: Context) -> tuple[Finding, ...]:
    """Run every check; change nothing."""
    return tuple(finding for check in CHECKS for finding in check(context))


def fix(context: Context) -> tuple[Finding, ...]:
    """Remove stale staging directories and broken installations, rewrite shims, then run every check."""
    done = [*_remove_stale(context), *_remove_broken(context)]
    reshim.reshim(context)
    return (*done, *diagnose(context))


def _remove_stale(context: Context) -> Iterator[Finding]:
    count = store.sweep(context.paths)
    if count:
        yield Finding("staging", OK, f"removed {count} unfinished installations", fixed=True)


def _remove_broken(context: Context) -> Iterator[Finding]:
    for tool, version, _ in _broken(context):
        store.remove(context.paths, tool, version)
        yield Finding(
            "installs", OK, f"removed {tool} {version}, which was damaged: install it again", fixed=True
        )


def _check_directories(context: Context) -> Iterator[Finding]:
    for directory in dict.fromkeys((context.paths.data, context.paths.settings, context.paths.cache)):
        existing = _nearest_existing(directory)
        if os.access(existing, os.W_OK | os.X_OK):
            yield Finding("directories", OK, f"{directory} can be written")
        else:
            yield Finding(
                "directories",
                ERROR,
                f"{existing} cannot be written",
                "check who owns it, or set ENVMGR_HOME to a directory you can write to",
            )


def _nearest_existing(path: str) -> str:
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def _check_path(context: Context) -> Iterator[Finding]:
    entries = context.environment.get("PATH").split(os.pathsep)
    shims = context.paths.shims
    if shims not in entries:
        yield Finding(
            "path",
            WARNING,
            f"{shims} is not on PATH",
            f'add it in front, for example: export PATH="{shims}:$PATH"',
        )
        return
    hidden = sorted(set(_hidden_commands(shims, entries[: entries.index(shims)])))
    if hidden:
        yield Finding(
            "path",
            WARNING,
            f"other programs come before the shims of {', '.join(hidden)}",
            f"put {shims} further to the front of PATH",
        )
    else:
        yield Finding("path", OK, "shims come first on PATH")


def _hidden_commands(shims: str, before: list[str]) -> Iterator[str]:
    names = os.listdir(shims) if os.path.isdir(shims) else []
    for directory in before:
        for name in names:
            if not name.startswith(".") and os.access(os.path.join(directory, name), os.X_OK):
                yield name


def _check_shims(context: Context) -> Iterator[Finding]:
    stale = reshim.stale(context)
    if stale:
        yield Finding("shims", WARNING, f"shims are out of date: {', '.join(stale)}", "run `envmgr reshim`")
    else:
        yield Finding("shims", OK, "shims are up to date")


def _check_staging(context: Context) -> Iterator[Finding]:
    stale = store.stale(context.paths)
    if stale:
        yield Finding(
            "staging",
            WARNING,
            f"{stale} installations were interrupted",
            "run `envmgr doctor --fix`; any install removes them too",
        )
    else:
        yield Finding("staging", OK, "no unfinished installations")


def _check_installs(context: Context) -> Iterator[Finding]:
    count = 0
    for tool, version, difference in _broken(context):
        count += 1
        yield Finding(
            "installs",
            ERROR,
            f"{tool} {version} is damaged: {difference}",
            f"run `envmgr install {tool}@{version} --force`, or `envmgr doctor --fix` to remove it",
        )
    if not count:
        yield Finding(
            "installs", OK, f"{len(list(store.all_installed(context.paths)))} installed versions are whole"
        )


def _broken(context: Context) -> list[tuple[str, str, str]]:
    """Return each damaged installation with the first difference between its receipt and its tree."""
    found = []
    for installed in store.all_installed(context.paths):
        differences = store.check(context.paths, installed.tool, installed.version)
        if differences:
            found.append((installed.tool, installed.version, differences[0]))
    return found


def _check_plugins(context: Context) -> Iterator[Finding]:
    try:
        count = len(context.catalog.registry.all())
    except EnvmgrError as error:
        yield Finding("plugins", ERROR, error.message, error.hint)
    else:
        yield Finding("plugins", OK, f"{count} manifests are valid")


def _check_project(context: Context) -> Iterator[Finding]:
    try:
        missing = [one for one in active.resolve(context) if not one.is_available]
    except EnvmgrError as error:
        yield Finding("project", ERROR, error.message, error.hint)
        return
    if missing:
        names = ", ".join(f"{one.tool} {one.version or one.spec}" for one in missing)
        yield Finding("project", WARNING, f"asked for and not installed: {names}", "run `envmgr install`")
    else:
        yield Finding("project", OK, "all that is asked for here is installed")


def _check_network(context: Context) -> Iterator[Finding]:
    if context.settings.offline:
        yield Finding("network", OK, "offline, as set")
        return
    for tool in sorted({request.tool for request in context.project.requests()}):
        try:
            context.catalog.listing(tool)
        except EnvmgrError as error:
            yield Finding("network", WARNING, f"{tool}: {error.message}", error.hint)
        else:
            yield Finding("network", OK, f"the releases of {tool} can be listed")


CHECKS: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    _check_directories,
    _check_path,
    _check_shims,
    _check_staging,
    _check_installs,
    _check_plugins,
    _check_project,
    _check_network,
)

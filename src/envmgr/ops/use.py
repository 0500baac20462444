"""`use`: set a tool's version for a project, or globally."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.install import store
from envmgr.kit.digest import Digest
from envmgr.kit.errors import ConnectTimedOut, InvalidRequest, Offline, Unreachable
from envmgr.kit.file_locks import path_lock
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.lockformat.model import EMPTY, Artifact
from envmgr.ops import install, reshim
from envmgr.ops.install import InstallResult
from envmgr.project import dotfile as dotfiles
from envmgr.project import lockfile_io
from envmgr.resolve import canonical_names, known_tools, lock_update
from envmgr.resolve.lock_update import Pin

if TYPE_CHECKING:
    from envmgr.install.installer import Outcome
    from envmgr.install.store import Installed
    from envmgr.project.dotfile import Dotfile
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec

_INSTALLABLE_KINDS = frozenset({"version", "tag"})
_KINDS = _INSTALLABLE_KINDS | {"system", "path"}


@frozen
class UseResult:
    """The line written to a dotfile, and what was installed for it."""

    tool: str
    spec: str
    file: str
    result: InstallResult


def use(context: Context, item: ToolSpec, *, everywhere: bool = False, pin: bool = False) -> UseResult:
    """Install the version a spec resolves to, write the request to the dotfile and lock it."""
    spec = item.spec or "latest"
    tool = canonical_names.require_name(context, item.tool)
    kind = _check_kind(tool, spec, pin=pin)
    path = context.paths.global_file if everywhere else project_path(context)
    _check_file(context, path, tool)
    chosen = _resolve(context, path, tool, spec) if kind in _INSTALLABLE_KINDS else None
    result = install.install_version(context, chosen) if chosen else InstallResult((), ())
    written = versions.pin(chosen.version) if chosen and pin else spec
    try:
        _write(context, path, tool, written)
        _lock(context, path, tool, replace(chosen, spec=written) if chosen else None, result)
    finally:
        if result.installed or reshim.stale(context):
            reshim.reshim(context)
    return UseResult(tool, written, path, result)


def project_path(context: Context) -> str:
    """Return the path of the nearest dotfile, or of a new one in the working directory."""
    return context.project.path or os.path.join(context.environment.cwd, ".envmgr")


def _check_kind(tool: str, spec: str, *, pin: bool) -> str:
    """Return the kind of a spec; raise InvalidRequest if it cannot be used or pinned."""
    kind = versions.classify(spec)[0]
    if kind not in _KINDS:
        raise InvalidRequest(
            f"cannot install {tool}@{spec} ({kind}): only releases can be installed",
            f"run `envmgr list --remote {tool}` to list versions",
        )
    if pin and kind not in _INSTALLABLE_KINDS:
        raise InvalidRequest(f"{tool}@{spec} cannot be pinned", "omit --pin")
    return kind


def _check_file(context: Context, path: str, tool: str) -> None:
    """Raise before anything is installed if the result could not be recorded in a dotfile and its lock."""
    entries = _entries(context, path)
    known_tools.require_known(context, [entry for entry in entries if entry.tool != tool])
    context.locks.lock(lockfile_io.path_beside(path))
    canonical_names.require_canonical(context, entries)


def _entries(context: Context, path: str) -> list[Request]:
    return [entry for file in context.project.files if file.path == path for entry in file.entries]


def _resolve(context: Context, path: str, tool: str, spec: str) -> Pin:
    try:
        return _pin(context, path, [(tool, spec)])[0]
    except (Unreachable, ConnectTimedOut, Offline) as error:
        installed = _newest_installed(context, tool, spec)
        if installed is None:
            raise
        context.progress.message(
            f"warning: {error.message}; using the installed {tool} {installed.version}, "
            f"locked for {installed.platform} only until the next `envmgr lock`"
        )
        return _pin_of_installed(context, installed, spec)


def _newest_installed(context: Context, tool: str, spec: str) -> Installed | None:
    """Return the newest installed version that matches a spec; None also for a spec that needs a list."""
    try:
        version = versions.max_satisfying(store.versions(context.paths, tool), spec)
    except ValueError:
        return None
    return store.get(context.paths, tool, version) if version else None


def _pin_of_installed(context: Context, installed: Installed, spec: str) -> Pin:
    artifact = Artifact(installed.url, Digest("sha256", installed.sha256), installed.size)
    locked = lock_update.locked_artifacts(
        context, installed.tool, installed.version, {installed.platform: artifact}
    )
    return Pin(installed.tool, spec, installed.version, locked)


def _pin(context: Context, path: str, requests: list[tuple[str, str]]) -> list[Pin]:
    """Resolve requests of a dotfile for all platforms of its lock; locked versions are unchanged."""
    lock = context.locks.lock(lockfile_io.path_beside(path)) or EMPTY
    return lock_update.pin(
        context,
        requests,
        lock,
        lock_update.platforms_for(context, lock),
        is_good=lambda locked: context.platform.key in locked.artifacts,
    )


def _write(context: Context, path: str, tool: str, spec: str) -> None:
    if _edited(path, tool, spec) is None:
        return  # without a lock, for which there may be nowhere to write
    with path_lock(context.paths, path):
        text = _edited(path, tool, spec)
        if text is not None:
            write_in_place(path, text)
    context.forget_project()


def _edited(path: str, tool: str, spec: str) -> str | None:
    """Return the text of a dotfile with a request, None if it has it."""
    content = read_bytes(path, dotfiles.LIMIT + 1)
    text = dotfiles.decode(content, path) if content else ""
    changed = dotfiles.with_request(text, tool, spec, path)
    return changed if changed != text else None


def _lock(context: Context, path: str, tool: str, chosen: Pin | None, result: InstallResult) -> None:
    """Lock every request of a dotfile: the resolved one with its downloaded digest, and all others."""
    dotfile = next(file for file in context.project.files if file.path == path)
    others = _pin(context, path, _other_requests(dotfile, tool))
    pins = [install.with_recorded_digest(chosen, _outcome(result), context.platform.key)] if chosen else []
    lock_update.write(context, dotfile, [*pins, *others])


def _other_requests(dotfile: Dotfile, tool: str) -> list[tuple[str, str]]:
    return lock_update.lockable(entry for entry in dotfile.entries if entry.tool != tool)


def _outcome(result: InstallResult) -> Outcome:
    return (*result.installed, *result.already_installed)[0]

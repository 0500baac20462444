"""`use`: set versions of tools for a project, or globally."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.install import store
from envmgr.kit.digest import Digest
from envmgr.kit.errors import ConnectTimedOut, InvalidRequest, Offline, Unreachable, UsageError
from envmgr.kit.frozen import frozen, replace
from envmgr.lockformat.model import EMPTY, Artifact
from envmgr.ops import install, reshim
from envmgr.ops.requests.dotfile_changes import write_requests
from envmgr.project import lockfile_io
from envmgr.resolve import canonical_names, command_clashes, known_tools, lock_manifests, lock_update
from envmgr.resolve.lock_update import Pin

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from envmgr.install.store import Installed
    from envmgr.ops.install import InstallResult
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec

_INSTALLABLE_KINDS = frozenset({"version", "tag"})
_KINDS = _INSTALLABLE_KINDS | {"system", "path"}
_NO_NETWORK = (Unreachable, ConnectTimedOut, Offline)


@frozen
class UseResult:
    """The requests written to a dotfile, as tool and spec, and what was installed for them."""

    requests: tuple[tuple[str, str], ...]
    file: str
    result: InstallResult


@frozen
class _Change:
    """A request to write: `pin` is its resolved version, None if nothing is installed for it."""

    tool: str
    spec: str
    pin: Pin | None = None


def use(
    context: Context, items: Sequence[ToolSpec], *, everywhere: bool = False, pin: bool = False
) -> UseResult:
    """Install the versions that specs resolve to, write the requests to the dotfile and lock them.

    All or nothing is written: the file and its lock are unchanged if one tool cannot be resolved, installed or locked.
    """
    path = context.paths.global_file if everywhere else project_path(context)
    changes = _read_requests(context, items, pin=pin)
    _check_file(context, path, {change.tool for change in changes})
    resolved = [_resolve_change(context, path, change) for change in changes]
    for change in resolved:
        if change.pin:
            lock_manifests.require_fitting(context, lockfile_io.path_beside(path), change.pin)
    others = pin_others(context, path, _other_requests(context, path, changes))
    result = install.install_versions(context, [change.pin for change in resolved if change.pin])
    written = [_pin_version(change) if pin else change for change in resolved]
    try:
        _write(context, path, written, [*_record_pins(context, written, result), *others])
    finally:
        if result.installed:
            reshim.reshim(context)
        else:
            reshim.try_refresh(context)
    return UseResult(tuple((change.tool, change.spec) for change in written), path, result)


def _read_requests(context: Context, items: Sequence[ToolSpec], *, pin: bool) -> list[_Change]:
    """Return the requests by canonical name; raise UsageError for a tool that is named twice."""
    changes: dict[str, _Change] = {}
    for item in items:
        tool, spec = canonical_names.require_name(context, item.tool), item.spec or "latest"
        _check_kind(tool, spec, pin=pin)
        if tool in changes:
            raise UsageError(
                f"{tool} is named twice, with {changes[tool].spec} and {spec}", "pass each tool once"
            )
        command_clashes.note_namesake(context, tool)
        changes[tool] = _Change(tool, spec)
    return list(changes.values())


def _pin_version(change: _Change) -> _Change:
    """Return the request for the exact version of a resolved one."""
    if change.pin is None:
        return change
    spec = versions.pin(change.pin.version)
    return replace(change, spec=spec, pin=replace(change.pin, spec=spec))


def project_path(context: Context) -> str:
    """Return the path of the nearest dotfile, or of a new one in the working directory."""
    return context.project.path or os.path.join(context.environment.cwd, ".envmgr")


def _check_kind(tool: str, spec: str, *, pin: bool) -> None:
    """Raise InvalidRequest if a spec cannot be used or pinned."""
    kind = versions.classify(spec)[0]
    if kind not in _KINDS:
        raise InvalidRequest(
            f"cannot install {tool}@{spec} ({kind}): only releases can be installed",
            f"run `envmgr list --remote {tool}` to list versions",
        )
    if pin and kind not in _INSTALLABLE_KINDS:
        raise InvalidRequest(f"{tool}@{spec} cannot be pinned", "omit --pin")


def _check_file(context: Context, path: str, tools: Collection[str]) -> None:
    """Raise before anything is installed if the result could not be recorded in a dotfile and its lock."""
    entries = entries_of(context, path)
    known_tools.require_known(context, [entry for entry in entries if entry.tool not in tools])
    context.locks.lock(lockfile_io.path_beside(path))
    canonical_names.require_canonical(context, entries)


def entries_of(context: Context, path: str) -> list[Request]:
    """Return the requests of a dotfile."""
    return [entry for file in context.project.files if file.path == path for entry in file.entries]


def _resolve_change(context: Context, path: str, change: _Change) -> _Change:
    """Return a request with its resolved version, without one if nothing is installed for it."""
    if versions.classify(change.spec)[0] not in _INSTALLABLE_KINDS:
        return change
    return replace(change, pin=_resolve(context, path, change.tool, change.spec))


def _resolve(context: Context, path: str, tool: str, spec: str) -> Pin:
    try:
        return _pin(context, path, [(tool, spec)])[0]
    except _NO_NETWORK as error:
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
    installed = store.get(context.paths, tool, version) if version else None
    return None if installed and installed.link else installed


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


def pin_others(context: Context, path: str, requests: list[tuple[str, str]]) -> list[Pin]:
    """Resolve the requests that stay as they are; without a network, those that need a list stay unlocked."""
    try:
        return _pin(context, path, requests)
    except _NO_NETWORK:
        return [pin for request in requests for pin in _pin_if_reachable(context, path, request)]


def _pin_if_reachable(context: Context, path: str, request: tuple[str, str]) -> list[Pin]:
    try:
        return _pin(context, path, [request])
    except _NO_NETWORK as error:
        tool, spec = request
        context.progress.message(
            f"warning: {error.message}; {tool}={spec} stays unlocked until the next `envmgr lock`"
        )
        return []


def _other_requests(context: Context, path: str, changes: Sequence[_Change]) -> list[tuple[str, str]]:
    """Return the requests of a dotfile that stay as they are."""
    tools = {change.tool for change in changes}
    return lock_update.lockable(entry for entry in entries_of(context, path) if entry.tool not in tools)


def _record_pins(context: Context, changes: Sequence[_Change], result: InstallResult) -> list[Pin]:
    """Return the resolved versions with the digests of their downloads."""
    outcomes = {
        (outcome.tool, outcome.version): outcome for outcome in (*result.installed, *result.already_installed)
    }
    return [
        install.with_recorded_digest(
            change.pin, outcomes[change.tool, change.pin.version], context.platform.key
        )
        for change in changes
        if change.pin
    ]


def _write(context: Context, path: str, changes: Sequence[_Change], pins: Sequence[Pin]) -> None:
    """Write requests to a dotfile and their versions to its lock; neither changes if locking fails."""
    requests = [(change.tool, change.spec) for change in changes]
    with write_requests(context, path, requests) as dotfile:
        lock_update.write(context, dotfile, pins)
        lock_manifests.warn_of_own_manifests(context, dotfile, pins)

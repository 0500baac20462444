"""Setting a tool's version for a project, or for everywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.kit.errors import InvalidRequest
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.lockformat.model import EMPTY
from envmgr.ops import install, reshim
from envmgr.project import dotfile as dotfiles
from envmgr.project import lockfile_io
from envmgr.resolve import canonical_names, install_plan, lock_update
from envmgr.resolve.tool_specs import ToolSpec

if TYPE_CHECKING:
    from envmgr.install.installer import Outcome
    from envmgr.ops.install import InstallResult
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin


@frozen
class UseResult:
    """What was installed for it, and the line that was written."""

    tool: str
    spec: str
    file: str
    result: InstallResult


def use(context: Context, item: ToolSpec, *, everywhere: bool = False, pin: bool = False) -> UseResult:
    """Install what a spec means if it is not there, write the request, and lock it."""
    spec = item.spec or "latest"
    tool = context.catalog.manifest(item.tool).name
    kind = versions.classify(spec)[0]
    if kind not in {"version", "tag", "system", "path"}:
        raise InvalidRequest(
            f"{tool}@{spec}: only releases can be installed, not {kind}:",
            f"`envmgr list --remote {tool}` shows what there is",
        )
    is_version = kind in {"version", "tag"}
    if pin and not is_version:
        raise InvalidRequest(f"{tool}@{spec} has no exact version to pin", "leave --pin out")
    path = context.paths.global_file if everywhere else project_path(context)
    context.locks.lock(lockfile_io.path_beside(path))  # what cannot be recorded must not be installed first
    canonical_names.require_canonical(context, _entries(context, path))
    steps = (
        install_plan.plan_tools(context, [ToolSpec(tool, spec)], install_plan.Options()) if is_version else []
    )
    result = install.run(context, steps, install_plan.Options())
    written = versions.pin(steps[0].pin.version) if pin else spec
    _write(context, path, tool, written)
    _lock(context, path, result)
    reshim.reshim(context)
    return UseResult(tool, written, path, result)


def project_path(context: Context) -> str:
    """Return the dotfile a project's requests are written to: the nearest, else a new one here."""
    return context.project.path or os.path.join(context.environment.cwd, ".envmgr")


def _entries(context: Context, path: str) -> list[Request]:
    return [entry for file in context.project.files if file.path == path for entry in file.entries]


def _write(context: Context, path: str, tool: str, spec: str) -> None:
    with file_lock(context.paths, f"dotfile {path}"):
        content = read_bytes(path, dotfiles.LIMIT + 1)
        text = dotfiles.decode(content, path) if content else ""
        changed = dotfiles.with_request(text, tool, spec, path)
        if changed != text:
            write_in_place(path, changed)
    context.forget_project()


def _lock(context: Context, path: str, result: InstallResult) -> None:
    """Lock all that the dotfile asks for, with what was learned of what was just installed."""
    dotfile = next(file for file in context.project.files if file.path == path)
    lock = context.locks.lock(lockfile_io.path_beside(path)) or EMPTY
    pins = lock_update.pin(
        context,
        lock_update.lockable(dotfile.entries),
        lock,
        lock_update.platforms_for(context, lock),
        is_good=lambda known: context.platform.key in known.artifacts,
    )
    outcomes = {(one.tool, one.version): one for one in (*result.installed, *result.already_installed)}
    lock_update.write(
        context, dotfile, [_with(context, one, outcomes.get((one.tool, one.version))) for one in pins]
    )


def _with(context: Context, pin: Pin, outcome: Outcome | None) -> Pin:
    return install.with_recorded_digest(pin, outcome, context.platform.key) if outcome else pin

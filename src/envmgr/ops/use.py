"""Setting a tool's version for a project, or for everywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.kit.errors import InvalidRequest
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.kit.locks import holding
from envmgr.kit.value import frozen
from envmgr.ops import install, locking, names, planning, reshim
from envmgr.ops.tools import ToolSpec
from envmgr.project import dotfile as dotfiles
from envmgr.project import lockfile, lockio

if TYPE_CHECKING:
    from envmgr.install.installer import Outcome
    from envmgr.ops.context import Context
    from envmgr.ops.install import InstallResult
    from envmgr.ops.locking import Pin
    from envmgr.project.request import Request


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
    lockio.read(lockio.path_beside(path))  # what cannot be recorded must not be installed first
    names.check(context, _entries(context, path))
    steps = planning.plan_tools(context, [ToolSpec(tool, spec)], planning.Options()) if is_version else []
    result = install.run(context, steps, planning.Options())
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
    with holding(context.paths, f"dotfile {path}"):
        content = read_bytes(path, dotfiles.LIMIT + 1)
        text = dotfiles.decode(content, path) if content else ""
        changed = dotfiles.with_request(text, tool, spec, path)
        if changed != text:
            write_in_place(path, changed)
    context.forget_project()


def _lock(context: Context, path: str, result: InstallResult) -> None:
    """Lock all that the dotfile asks for, with what was learned of what was just installed."""
    dotfile = next(file for file in context.project.files if file.path == path)
    lock = lockio.read(lockio.path_beside(path)) or lockfile.EMPTY
    pins = locking.pin(
        context,
        locking.lockable(dotfile.entries),
        lock,
        locking.platforms_for(context, lock),
        is_good=lambda known: context.platform.key in known.artifacts,
    )
    outcomes = {(one.tool, one.version): one for one in (*result.installed, *result.already)}
    locking.write(
        context, dotfile, [_with(context, one, outcomes.get((one.tool, one.version))) for one in pins]
    )


def _with(context: Context, pin: Pin, outcome: Outcome | None) -> Pin:
    return install.learned(pin, outcome, context.platform.key) if outcome else pin

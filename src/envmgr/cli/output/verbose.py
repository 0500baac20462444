"""What `--verbose` tells before a command does its work: which files and settings hold, and what they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.cli.output.progress import ProgressLog
from envmgr.kit.config import settings
from envmgr.kit.errors import EnvmgrError
from envmgr.resolve import active

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.kit.progress import Progress
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


def verbose_progress() -> Progress:
    """Return who prints the trail where nobody else watches."""
    return ProgressLog(verbose=True)


def trace_resolution(context: Context) -> Context:
    """Tell the trail of a context, as far as it can be followed, and return the context."""
    context.progress.debug(f"envmgr {__version__} for {context.platform.key} in {context.environment.cwd}")
    try:
        for part in (_places, _settings, _files, _decisions):
            for line in part(context):
                context.progress.debug(line)
    except EnvmgrError as error:  # the command itself will say it, if it matters to it
        context.progress.debug(error.message)
    return context


def _places(context: Context) -> Iterator[str]:
    paths = context.paths
    for name, place in (("data", paths.data), ("settings", paths.config_file), ("cache", paths.cache)):
        yield f"{name}: {place}"


def _settings(context: Context) -> Iterator[str]:
    for one in settings.origins(context.environment, context.paths, context.flags):
        if one.origin != "default":
            shown = "set" if one.name == "github_token" else one.value
            yield f"setting {one.name}: {shown} ({one.origin})"


def _files(context: Context) -> Iterator[str]:
    read = {file.path for file in context.project.files}
    for path in context.project.searched_paths:
        yield f"{'read' if path in read else 'no file'} {path}"
    for name, value in sorted(context.project.overrides.items()):
        yield f"override {name}={value}"


def _decisions(context: Context) -> Iterator[str]:
    for one in active.resolve(context):
        yield f"{one.tool}={one.spec} ({one.request.origin}) {_resolution_text(one)}"


def _resolution_text(one: ActiveVersion) -> str:
    if one.kind != "version":
        return f"is {one.directory}" if one.directory else "is whatever else is on PATH"
    if one.version is None:
        return "is not locked, and no installed version matches"
    how = "as locked" if one.locked else "the best that is installed"
    return f"is {one.version}, {how}" + ("" if one.installed else ", not installed")

"""Output of `--verbose`: configuration sources and the resolution of tools."""

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
    """Return a progress reporter that prints debug messages."""
    return ProgressLog(verbose=True)


def trace_resolution(context: Context) -> Context:
    """Print sources and resolution of a context as debug messages; return the context."""
    context.progress.debug(f"envmgr {__version__} for {context.platform.key} in {context.environment.cwd}")
    try:
        for section in (_directories, _settings, _files, _resolutions):
            for line in section(context):
                context.progress.debug(line)
    except EnvmgrError as error:  # the command raises it too, if it matters there
        context.progress.debug(error.message)
    return context


def _directories(context: Context) -> Iterator[str]:
    paths = context.paths
    for name, path in (("data", paths.data), ("settings", paths.config_file), ("cache", paths.cache)):
        yield f"{name}: {path}"


def _settings(context: Context) -> Iterator[str]:
    for setting in settings.origins(context.environment, context.paths, context.flags):
        if setting.origin != "default":
            value = "set" if setting.name == "github_token" else setting.value
            yield f"setting {setting.name}: {value} ({setting.origin})"


def _files(context: Context) -> Iterator[str]:
    read = {file.path for file in context.project.files}
    for path in context.project.searched_paths:
        yield f"{'config' if path in read else 'not found'}: {path}"
    for name, value in sorted(context.project.overrides.items()):
        yield f"override {name}={value}"


def _resolutions(context: Context) -> Iterator[str]:
    for version in active.resolve(context):
        yield f"{version.tool}={version.spec} ({version.request.origin}): {_resolution_text(version)}"


def _resolution_text(active_version: ActiveVersion) -> str:
    if active_version.kind != "version":
        return active_version.directory or "system (from PATH)"
    if active_version.version is None:
        return "unresolved: not locked and no installed match"
    source = "locked" if active_version.locked else "latest installed match"
    suffix = "" if active_version.installed else ", not installed"
    return f"{active_version.version} ({source}{suffix})"

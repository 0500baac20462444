"""Errors of commands that cannot run here."""

from __future__ import annotations

from envmgr.install import store
from envmgr.kit.errors import (
    CommandNotFound,
    CommandNotInstalled,
    CommandVersionNotSet,
    InvalidRequest,
    NotInstalled,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.kit.errors import EnvmgrError
    from envmgr.project.request import Request
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


def unavailable_error(
    context: Context, command: str, active_versions: tuple[ActiveVersion, ...]
) -> Exception:
    """Return why a command cannot run: not installed, no version set, or unknown."""
    providers = installed_providers(context, command)
    missing = [active_version for active_version in active_versions if not active_version.is_available]
    for active_version in sorted(missing, key=lambda item: not _is_named(item.tool, command)):
        if active_version.tool in providers or not providers:
            return not_installed_error(active_version)
    if providers:
        return _version_not_set(command, providers)
    return _unknown_command(context, command)


def _is_named(tool: str, command: str) -> bool:
    """Return whether a tool, or the package that it is, has the name of a command."""
    from envmgr.resolve.canonical_names import short_names

    return command == tool or command in short_names(tool)


def source_build_unsupported(request: Request, spec: str) -> InvalidRequest:
    """Return the error for a request to build from source."""
    return InvalidRequest(
        f"{request.tool}={spec} ({request.origin}): building from source is not supported",
        f"run `envmgr list --remote {request.tool}` to list releases",
    )


def not_installed_error(
    active_version: ActiveVersion, kind: type[NotInstalled] = CommandNotInstalled
) -> EnvmgrError:
    """Return the error for a requested version that is not installed."""
    if active_version.kind == "source":
        return source_build_unsupported(active_version.request, active_version.spec)
    origin = active_version.request.origin
    requester = "the command line" if origin.kind == "argument" else origin
    if active_version.kind == "path":
        return kind(
            f"{active_version.tool}: directory {active_version.directory} not found (requested by {requester})",
            "install it there, or request another version",
        )
    if active_version.installed and active_version.installed.is_broken:
        name = f"{active_version.tool}@{active_version.version}"
        return kind(
            f"{active_version.tool} {active_version.version} is linked to {active_version.installed.link}: "
            f"directory not found (requested by {requester})",
            f"restore it, or run `envmgr uninstall {name}` and `envmgr install`",
        )
    return kind(
        f"{active_version.tool} {active_version.version or active_version.spec} is not installed "
        f"(requested by {requester})",
        "run `envmgr install`"
        if origin.kind == "file"
        else f"run `envmgr install {active_version.tool}@{active_version.spec}`",
    )


def installed_providers(context: Context, command: str) -> dict[str, list[str]]:
    """Return the installed versions that have a command, by tool."""
    providers: dict[str, list[str]] = {}
    for installed in store.all_installed(context.paths):
        if installed.find(command):
            providers.setdefault(installed.tool, []).append(installed.version)
    return providers


def _version_not_set(command: str, providers: dict[str, list[str]]) -> CommandVersionNotSet:
    from envmgr import versions

    tool, installed = next(iter(sorted(providers.items())))
    versions_by_tool = "; ".join(
        f"{name} {', '.join(versions.sort(versions_of_tool))}"
        for name, versions_of_tool in sorted(providers.items())
    )
    return CommandVersionNotSet(
        f"no version of {command} is set for this directory (installed: {versions_by_tool})",
        f"run `envmgr use {tool} {versions.sort(installed)[-1]}` (add --global to set it everywhere)",
    )


def _unknown_command(context: Context, command: str) -> CommandNotFound:
    from envmgr.kit.suggest import closest

    commands = {name for installed in store.all_installed(context.paths) for name in installed.commands()}
    suggestions = closest(command, sorted(commands))
    return CommandNotFound(
        f"command not found: {command} is not provided by any installed tool",
        f"did you mean {' or '.join(suggestions)}?"
        if suggestions
        else "run `envmgr list` to list installed versions",
    )

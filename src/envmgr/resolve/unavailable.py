"""Why a command cannot run here: its version is not installed, none is set, or nobody has it."""

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
    """Say why a command cannot run: its version is not installed, none is set, or nobody has it."""
    providers = installed_providers(context, command)
    for one in active_versions:
        if not one.is_available and (one.tool in providers or not providers):
            return not_installed_error(one)
    if providers:
        return _version_not_set(command, providers)
    return _unknown_command(context, command)


def source_build_unsupported(request: Request, spec: str) -> InvalidRequest:
    """Say that a request asks for what is not built here."""
    return InvalidRequest(
        f"{request.tool}={spec} ({request.origin}) asks for a build from source, and only releases are installed",
        f"`envmgr list --remote {request.tool}` shows them",
    )


def not_installed_error(one: ActiveVersion, kind: type[NotInstalled] = CommandNotInstalled) -> EnvmgrError:
    """Say that a version is asked for and not there, to run unless it is of another `kind`."""
    if one.kind == "source":
        return source_build_unsupported(one.request, one.spec)
    origin = one.request.origin
    asker = "the command line" if origin.kind == "argument" else origin
    if one.kind == "path":
        return kind(
            f"{one.tool}: there is no directory {one.directory}, and {asker} asks for it",
            "put an installation there, or ask for another version",
        )
    return kind(
        f"{one.tool} {one.version or one.spec} is not installed, and {asker} asks for it",
        "run `envmgr install`" if origin.kind == "file" else f"run `envmgr install {one.tool}@{one.spec}`",
    )


def installed_providers(context: Context, command: str) -> dict[str, list[str]]:
    """Return the installed versions that have a command, by tool."""
    found: dict[str, list[str]] = {}
    for installed in store.all_installed(context.paths):
        if installed.find(command):
            found.setdefault(installed.tool, []).append(installed.version)
    return found


def _version_not_set(command: str, providers: dict[str, list[str]]) -> CommandVersionNotSet:
    from envmgr import versions

    tool, installed = next(iter(sorted(providers.items())))
    listed = "; ".join(
        f"{name} {', '.join(versions.sort(owned))}" for name, owned in sorted(providers.items())
    )
    return CommandVersionNotSet(
        f"no version is set for {command} here (installed: {listed})",
        f"set one with `envmgr use {tool} {versions.sort(installed)[-1]}`, or for everywhere with `--global`",
    )


def _unknown_command(context: Context, command: str) -> CommandNotFound:
    from envmgr.kit.suggest import closest

    known = {name for installed in store.all_installed(context.paths) for name in installed.commands()}
    near = closest(command, sorted(known))
    return CommandNotFound(
        f"no installed tool has a command {command!r}",
        f"did you mean {' or '.join(near)}?" if near else "`envmgr list` shows what is installed",
    )

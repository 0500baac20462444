"""Install plans: the versions to install, their archives, and the lock that records each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.kit.errors import InvalidRequest, LockOutOfDate, ProjectError, UnsupportedPlatform, UsageError
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.http import urls
from envmgr.lockformat.model import EMPTY, Artifact
from envmgr.lockformat.names import key
from envmgr.project import lockfile_io
from envmgr.resolve import (
    active,
    canonical_names,
    command_clashes,
    known_tools,
    lock_consistency,
    lock_manifests,
    lock_update,
)
from envmgr.resolve.lock_update import Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.catalog.release import Signature
    from envmgr.install.install_job import InstallJob
    from envmgr.lockformat.model import Lockfile
    from envmgr.project.dotfile import Dotfile
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec


@frozen
class Step:
    """One version to install, and the dotfile (if any) whose lock records it."""

    pin: Pin
    dotfile: Dotfile | None = None


@frozen
class Options:
    """Install options: `locked` requires an up-to-date lock; `force` reinstalls."""

    locked: bool = False
    force: bool = False
    jobs: int = 0


def plan_project(context: Context, options: Options) -> list[Step]:
    """Return the steps that install the project; raise ProjectError if it requests no tool."""
    requests = context.project.requests()
    if not requests:
        raise ProjectError(
            f"nothing to install: no .envmgr with tools found in {context.environment.cwd} or its parents",
            "pass a tool (`envmgr install nodejs@^20`), or run `envmgr use nodejs ^20`",
        )
    return plan_requests(context, requests, options)


def plan_tools(context: Context, items: Sequence[ToolSpec], options: Options) -> list[Step]:
    """Return the steps that install the named tools."""
    requests = {request.tool: request for request in context.project.requests()}
    steps: list[Step] = []
    for item in items:
        tool = canonical_names.require_name(context, item.tool)
        command_clashes.note_namesake(context, tool)
        request = requests.get(tool)
        if request and item.spec in {None, *request.specs}:
            narrowed = replace(request, specs=(item.spec,)) if item.spec else request
            steps += plan_requests(context, [narrowed], options)
        else:
            steps.append(_of_spec(context, tool, item.spec or "latest"))
    return steps


def plan_url(context: Context, item: ToolSpec, url: str) -> Step:
    """Return the step that installs a version from a URL, locked if the project requests it."""
    version = item.spec or ""
    tool = canonical_names.require_name(context, item.tool)
    if not versions.is_folder_name(version) or not versions.is_exact(version):
        raise UsageError(f"{version!r} is not a full version", f"use `envmgr install {tool} 1.2.3 {url}`")
    _check_url(context, tool, version, url)
    request = context.project.request(tool)
    matching = next((s for s in request.specs if versions.satisfies(version, s)), None) if request else None
    dotfile = context.project.file_of(request) if request and matching else None
    lock = (context.locks.lock(lockfile_io.path_beside(dotfile.path)) if dotfile else None) or EMPTY
    artifact = _locked_artifact(lock, tool, version, context.platform.key, url) or Artifact(url)
    locked = lock_update.locked_artifacts(context, tool, version, {context.platform.key: artifact})
    pin = Pin(tool, matching or version, version, locked)
    if dotfile:  # what could not be recorded must not be installed first
        lock_update.apply(lock, [pin], dotfile)
    return Step(pin, dotfile)


def _check_url(context: Context, tool: str, version: str, url: str) -> None:
    """Raise InvalidRequest if a URL is the archive of another version: no lock accepts it as this one."""
    if not context.catalog.is_version_certain(tool):
        return
    other = lock_consistency.other_version_of_url(context, tool, version, context.platform, url)
    if other:
        raise InvalidRequest(
            f"{urls.redact(url)} is the archive of {tool} {other}, not {version}",
            f"run `envmgr install {tool} {other}`",
        )


def _locked_artifact(lock: Lockfile, tool: str, version: str, platform: str, url: str) -> Artifact | None:
    """Return the locked archive with a URL."""
    locked = lock.find(tool, version)
    artifact = locked.artifacts.get(platform) if locked else None
    return artifact if artifact and artifact.url == url else None


def _of_spec(context: Context, tool: str, spec: str) -> Step:
    pins = lock_update.pin(context, [(tool, spec)], EMPTY, [context.platform], is_good=lambda _: True)
    return Step(pins[0])


def plan_requests(context: Context, requests: Sequence[Request], options: Options) -> list[Step]:
    """Return the steps that install some of the project's requests."""
    known_tools.require_known(context, requests)
    canonical_names.require_canonical(context, requests)
    steps: list[Step] = []
    for dotfile in context.project.files:
        file_requests = [request for request in requests if context.project.file_of(request) == dotfile]
        steps += [Step(item, dotfile) for item in _pins_of_file(context, dotfile, file_requests, options)]
    elsewhere = [request for request in requests if context.project.file_of(request) is None]
    return steps + [_of_spec(context, tool, spec) for tool, spec in lock_update.lockable(elsewhere)]


def _pins_of_file(
    context: Context, dotfile: Dotfile, requests: Sequence[Request], options: Options
) -> list[Pin]:
    if not requests:
        return []
    path = lockfile_io.path_beside(dotfile.path)
    lock = context.locks.lock(path)
    lockable = lock_update.lockable(requests)
    if options.locked:
        _check_locked(context, path, lock, lockable)
    lock = lock or EMPTY
    pins = lock_update.pin(
        context,
        lockable,
        lock,
        lock_update.platforms_for(context, lock),
        is_good=lambda locked: context.platform.key in locked.artifacts,
    )
    for pin in pins:
        lock_manifests.require_fitting(context, path, pin)
    return pins


def check_locked(context: Context, requests: Sequence[Request], lock: Lockfile, name: str) -> None:
    """Raise what `plan_requests` raises for a lock, which errors call by a name."""
    known_tools.require_known(context, requests)
    canonical_names.require_canonical(context, requests)
    _check_locked(context, name, lock, lock_update.lockable(requests))


def _check_locked(
    context: Context, path: str, lock: Lockfile | None, requests: Sequence[tuple[str, str]]
) -> None:
    """Raise LockOutOfDate with everything that the lock lacks for this platform."""
    if lock is None:
        raise LockOutOfDate(f"{path} not found", "run `envmgr lock` and commit the file")
    gaps = [gap for tool, spec in requests for gap in _gaps(context, lock, tool, spec)]
    if gaps:
        messages, hints = zip(*gaps, strict=True)
        separator = "\n  " if len(gaps) > 1 else " "
        raise LockOutOfDate(separator.join([path, *messages]), "; ".join(dict.fromkeys(hints)))
    issues = list(lock_consistency.find_inconsistencies(context, lock, requests))
    if issues:
        raise LockOutOfDate(
            "\n".join([f"{path} is inconsistent", *(f"  {issue}" for issue in issues)]), lock_consistency.HINT
        )


def _gaps(context: Context, lock: Lockfile, tool: str, spec: str) -> Iterator[tuple[str, str]]:
    """Yield what a lock lacks for a request, and the remedy."""
    platform = context.platform.key
    version = lock.version_of(key(tool, spec))
    locked = lock.find(tool, version) if version else None
    if version is None or locked is None:
        yield f"does not lock {tool}={spec}", "run `envmgr lock` and commit the file"
    elif platform not in locked.artifacts:
        yield (
            f"has no {tool} {version} for platform {platform} (only {', '.join(sorted(locked.artifacts))})",
            f"run `envmgr lock --platform {platform}` and commit the file",
        )
    elif locked.artifacts[platform].digest is None:
        yield (
            f"has no digest of {tool} {version} for {platform}: upstream publishes none",
            "run `envmgr install` once on such a machine, and commit the file",
        )
    else:
        yield from lock_manifests.mismatches(context, tool, version, locked)


def job_of(context: Context, pin: Pin) -> InstallJob:
    """Return the install job of a pin.

    Raises as `archive_of` does, and UnsupportedPlatform without a layout.
    """
    from envmgr.install.install_job import InstallJob

    artifact, signature = archive_of(context, pin)
    layout = context.catalog.layout(pin.tool, pin.version, context.platform, artifact.url)
    if layout is None:
        raise _unsupported_error(context, pin)
    plugin = context.catalog.manifest(pin.tool).digest
    return InstallJob(pin.tool, pin.version, context.platform, artifact, layout, plugin, signature)


def archive_of(context: Context, pin: Pin) -> tuple[Artifact, Signature | None]:
    """Return the archive of a pin and the signature to verify.

    Raises UnsupportedPlatform without an archive, LockfileError if the manifest lacks the signature that the lock
    requires.
    """
    artifact = pin.locked.artifacts.get(context.platform.key)
    if artifact is None:
        raise _unsupported_error(context, pin)
    return artifact, lock_manifests.check_signature(context, pin.tool, pin.version, pin.locked)


def _unsupported_error(context: Context, pin: Pin) -> UnsupportedPlatform:
    return UnsupportedPlatform(
        f"{pin.tool} {pin.version} is not available for {context.platform.key}",
        f"available for {', '.join(sorted(pin.locked.artifacts))}",
    )


def missing(context: Context) -> list[Request]:
    """Return the project's requests that are not installed."""
    active_versions = active.resolve(context)
    return [
        active_version.request
        for active_version in active_versions
        if active_version.kind == "version" and active_version.installed is None
    ]

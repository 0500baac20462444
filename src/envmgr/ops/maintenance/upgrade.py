"""`upgrade`: newer versions of requested tools, installed and locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import ProjectError
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.thread_pool import map_parallel
from envmgr.lockformat.model import EMPTY
from envmgr.ops import install, reshim
from envmgr.ops.maintenance.outdated import check_versions, platforms_of
from envmgr.ops.requests.dotfile_changes import write_requests
from envmgr.project import lockfile_io
from envmgr.resolve import lock_manifests, lock_update
from envmgr.resolve.install_plan import Options, Step
from envmgr.versions.restyle import restyle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.install.outcome import Outcome
    from envmgr.ops.install import InstallResult
    from envmgr.ops.maintenance.outdated import VersionStatus
    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin


@frozen
class Target:
    """A request, the version that it gets, and the spec that it has then."""

    status: VersionStatus
    spec: str
    pin: Pin

    @property
    def has_new_version(self) -> bool:
        """Return whether the version changes."""
        return self.pin.version != self.status.version

    @property
    def has_new_request(self) -> bool:
        """Return whether the request changes."""
        return self.spec != self.status.spec


@frozen
class UpgradeResult:
    """The requests of an upgrade, and what was installed for them."""

    targets: tuple[Target, ...]
    result: InstallResult


def plan(context: Context, tools: Sequence[str] = (), *, latest: bool = False) -> tuple[Target, ...]:
    """Return the versions to take: the newest that the requests allow, or with `latest` of all.

    Requests change only with `latest`, and keep their style. Versions are never replaced by older ones. Raise
    ProjectError without a request.
    """

    def target(status: VersionStatus) -> Target:
        spec = _new_spec(context, status) if latest else status.spec
        return Target(status, spec, _pin(context, status, spec))

    if not context.project.requests():
        raise ProjectError(
            f"nothing to upgrade: no .envmgr with tools found in {context.environment.cwd} or its parents",
            "run `envmgr use TOOL` to request one",
        )
    return tuple(map_parallel(target, check_versions(context, tools), lock_update.WORKERS))


def _new_spec(context: Context, status: VersionStatus) -> str:
    """Return the request for the newest version, the same if it allows it or cannot be changed."""
    if status.newest is None or not status.has_newer:
        return status.spec
    variants = context.catalog.manifest(status.tool).variants
    spec = restyle(status.spec, status.newest, variants)
    is_editable = context.project.file_of(status.request) is not None and len(status.request.specs) == 1
    if spec is not None and (is_editable or spec == status.spec):
        return spec
    context.progress.message(
        f"{status.tool}={status.spec} ({status.request.origin}) excludes {status.newest} and stays as it is: "
        "change it to take that version"
    )
    return status.spec


def _pin(context: Context, status: VersionStatus, spec: str) -> Pin:
    """Resolve a request; a version that is up to date stays as it is locked."""
    path = context.project.lock_of(status.request)
    lock = (context.locks.lock(path) if path else None) or EMPTY
    is_refreshed = status.has_upgrade or spec != status.spec
    (pin,) = lock_update.pin(
        context,
        [(status.tool, spec)],
        lock,
        platforms_of(context, status.request),
        is_good=lambda locked: context.platform.key in locked.artifacts,
        refresh=frozenset({status.tool} if is_refreshed else ()),
    )
    if path:
        lock_manifests.require_fitting(context, path, pin)
    return pin


def preview(context: Context, targets: Sequence[Target]) -> UpgradeResult:
    """Return what `upgrade` would do, without doing it."""
    steps = [Step(target.pin) for target in targets]
    return UpgradeResult(tuple(targets), install.preview(context, steps, Options()))


def upgrade(context: Context, targets: Sequence[Target]) -> UpgradeResult:
    """Install the versions of a plan, then write their requests and locks.

    If one cannot be installed, no file changes.
    """
    result = install.install_versions(context, [target.pin for target in targets])
    try:
        locks = [path for path in _paths(context, targets) if _write(context, path, targets, result)]
    finally:
        if result.installed:
            reshim.reshim(context)
        else:
            reshim.try_refresh(context)
    return UpgradeResult(tuple(targets), replace(result, locks=tuple(map(lockfile_io.path_beside, locks))))


def _paths(context: Context, targets: Iterable[Target]) -> list[str]:
    """Return the dotfiles that requests come from."""
    files = (context.project.file_of(target.status.request) for target in targets)
    return list(dict.fromkeys(file.path for file in files if file))


def _write(context: Context, path: str, targets: Iterable[Target], result: InstallResult) -> bool:
    """Write requests to a dotfile and versions to its lock; return whether the lock changed."""
    own_targets = [target for target in targets if target.status.request.origin.name == path]
    pins = [_with_digest(context, target.pin, result) for target in own_targets]
    requests = [(target.status.tool, target.spec) for target in own_targets if target.has_new_request]
    with write_requests(context, path, requests) as dotfile:
        is_changed = lock_update.write(context, dotfile, pins)
    if is_changed:
        lock_manifests.warn_of_own_manifests(context, dotfile, pins)
    return is_changed


def _with_digest(context: Context, pin: Pin, result: InstallResult) -> Pin:
    return install.with_recorded_digest(pin, _outcome_of(pin, result), context.platform.key)


def _outcome_of(pin: Pin, result: InstallResult) -> Outcome:
    outcomes = (*result.installed, *result.already_installed)
    return next(item for item in outcomes if (item.tool, item.version) == (pin.tool, pin.version))

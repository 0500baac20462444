"""Updates of a lock to its dotfile."""

from __future__ import annotations

from envmgr import versions
from envmgr.catalog import url_hints
from envmgr.catalog.sources.kinds import kind_of_url
from envmgr.install import store
from envmgr.kit.digest import Digest
from envmgr.kit.errors import AmbiguousAsset, NoMatchingVersion, UnsupportedPlatform
from envmgr.kit.file_locks import path_lock
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.platform import DEFAULT_PLATFORMS
from envmgr.kit.platform import parse as parse_platform
from envmgr.kit.thread_pool import map_parallel
from envmgr.lockformat.model import EMPTY, Artifact, Locked, Lockfile
from envmgr.lockformat.names import key
from envmgr.lockformat.writer import render
from envmgr.project import known_projects, lockfile, lockfile_io
from envmgr.project.lock_differences import preferred_version
from envmgr.resolve import lock_consistency
from envmgr.resolve.platform_releases import newest_available, required_platforms
from envmgr.resolve.select_release import select_candidates
from envmgr.resolve.unavailable import source_build_unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from envmgr.kit.platform import Platform
    from envmgr.project.dotfile import Dotfile
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context
    from envmgr.resolve.platform_releases import AvailableRelease

WORKERS = 8


@frozen
class Pin:
    """One spec of a dotfile, its version and the version's archives."""

    tool: str
    spec: str
    version: str
    locked: Locked

    @property
    def key(self) -> str:
        """Return the request in lock notation."""
        return key(self.tool, self.spec)


def lockable(requests: Iterable[Request]) -> list[tuple[str, str]]:
    """Return the tool and spec of every lockable request: neither `system` nor `path:`.

    Raises InvalidRequest for a build from source.
    """
    entries = [(request, spec, versions.classify(spec)[0]) for request in requests for spec in request.specs]
    for request, spec, kind in entries:
        if kind not in {"version", "tag", "system", "path"}:
            raise source_build_unsupported(request, spec)
    return [(request.tool, spec) for request, spec, kind in entries if kind in {"version", "tag"}]


def platforms_for(context: Context, lock: Lockfile, more: Sequence[str] = ()) -> tuple[Platform, ...]:
    """Return the platforms of a lock: those of the settings, the requested and the locked ones."""
    chosen = context.settings.lock_platforms or [platform.key for platform in DEFAULT_PLATFORMS]
    return tuple(parse_platform(name) for name in sorted({*chosen, *more, *lock.platforms}))


def pin(
    context: Context,
    requests: Sequence[tuple[str, str]],
    lock: Lockfile,
    platforms: Sequence[Platform],
    *,
    is_good: Callable[[Locked], bool],
    refresh: frozenset[str] = frozenset(),
) -> list[Pin]:
    """Resolve each tool and spec, several at a time.

    A locked version is reused unless its tool is in `refresh`; its archives are reused if `is_good` accepts them.
    """
    entries = [_locked_entry(context, lock, tool, spec, refresh) for tool, spec in requests]
    locked_pins = [entry.to_pin() for entry in entries]
    reusable = [item if item and is_good(item.locked) else None for item in locked_pins]
    remaining = [entry for entry, item in zip(entries, reusable, strict=True) if item is None]
    resolved = iter(map_parallel(lambda entry: _resolve(context, lock, entry, platforms), remaining, WORKERS))
    return [item or next(resolved) for item in reusable]


@frozen
class _LockedEntry:
    """The entry of a lock for a request; `version` is None if no locked version is to be used."""

    tool: str
    spec: str
    version: str | None
    locked: Locked | None
    others: Mapping[str, str]
    """The platforms whose locked archives are of other versions, and these."""

    def to_pin(self) -> Pin | None:
        """Return the pin that the lock has, unless a part of it is missing or of another version."""
        if self.version is None or self.locked is None or self.others:
            return None
        return Pin(self.tool, self.spec, self.version, self.locked)


def _locked_entry(
    context: Context, lock: Lockfile, tool: str, spec: str, refresh: frozenset[str]
) -> _LockedEntry:
    version = None if tool in refresh else _locked_version(context, lock, tool, spec)
    locked = lock.find(tool, version) if version else None
    others = lock_consistency.other_versions(context, tool, version, locked) if version and locked else {}
    return _LockedEntry(tool, spec, version, locked, others)


def _resolve(context: Context, lock: Lockfile, entry: _LockedEntry, platforms: Sequence[Platform]) -> Pin:
    """Return a pin from upstream; a locked version that does not exist is replaced."""
    tool, spec = entry.tool, entry.spec
    locked = _without(entry.locked, entry.others) if entry.locked else None
    preferred = entry.version or preferred_version(lock, tool, spec)
    try:
        result = _resolve_upstream(context, tool, spec, preferred, platforms, locked)
    except (NoMatchingVersion, UnsupportedPlatform):
        if not entry.others or locked:
            raise
        context.progress.message(
            f"{tool} {spec}: the locked version {entry.version} does not exist; choosing another"
        )
        result = _resolve_upstream(context, tool, spec, None, platforms, None)
    _note_missing_digests(context, result, lock.find(tool, result.version))
    return result


def _without(locked: Locked, platforms: Collection[str]) -> Locked | None:
    """Return a locked version without the archives of some platforms; None without any."""
    artifacts = {name: artifact for name, artifact in locked.artifacts.items() if name not in platforms}
    return replace(locked, artifacts=artifacts) if artifacts else None


def _locked_version(context: Context, lock: Lockfile, tool: str, spec: str) -> str | None:
    """Return the locked version of a request, unless it does not match the request."""
    version = lock.version_of(key(tool, spec))
    return version if version and lock_consistency.is_satisfied(context, tool, spec, version) else None


def _resolve_upstream(
    context: Context,
    tool: str,
    spec: str,
    version: str | None,
    platforms: Sequence[Platform],
    locked: Locked | None,
) -> Pin:
    """Return a pin from upstream, else from a manual URL that is locked or installed."""
    context.progress.step(f"{tool} {spec}", "resolving")
    try:
        version = version or _select(context, tool, spec, platforms)
        artifacts = _artifacts(context, tool, version, platforms)
    except (NoMatchingVersion, UnsupportedPlatform):
        version = version or spec.lstrip("=")
        artifacts = _manual_artifacts(context, tool, version, locked)
        if not artifacts:
            raise
    context.progress.done(f"{tool} {spec}", f"resolved to {version}")
    pin = _preserve_manual_urls(
        context, Pin(tool, spec, version, locked_artifacts(context, tool, version, artifacts)), locked
    )
    _note_emulation(context, pin)
    return pin


def _select(context: Context, tool: str, spec: str, platforms: Sequence[Platform]) -> str:
    """Return the newest matching version with an archive for the platforms that require one."""
    release = newest_release(context, tool, spec, platforms)
    if release.passed_over:
        context.progress.message(
            f"{tool} {spec}: passed over {', '.join(release.passed_over)}: "
            f"not available for {', '.join(release.platforms)}"
        )
    return release.version


def newest_release(context: Context, tool: str, spec: str, platforms: Sequence[Platform]) -> AvailableRelease:
    """Return the newest matching release with an archive for the platforms that require one.

    Raise NoMatchingVersion with suggestions.
    """
    candidates = select_candidates(context, tool, spec)
    return newest_available(context, tool, candidates, required_platforms(context, platforms))


def _manual_artifacts(
    context: Context, tool: str, version: str, locked: Locked | None
) -> dict[str, Artifact]:
    """Return the archives a lock has of a version, else the one it was installed from."""
    if locked:
        return dict(locked.artifacts)
    installed = store.get(context.paths, tool, version)
    if installed is None or installed.link:
        return {}
    artifact = Artifact(installed.url, Digest("sha256", installed.sha256), installed.size)
    return {installed.platform: artifact}


def _preserve_manual_urls(context: Context, pin: Pin, locked: Locked | None) -> Pin:
    """Return a pin with the locked archives whose URLs the user chose instead of the manifest's."""
    if locked is None or locked.plugin != pin.locked.plugin:
        return pin
    chosen = {
        platform: artifact
        for platform, artifact in locked.artifacts.items()
        if platform in pin.locked.artifacts
        and pin.locked.artifacts[platform].url != artifact.url
        and not kind_of_url(artifact.url)
        and not _is_of_other_version(context, pin, platform, artifact.url)
    }
    return replace(pin, locked=replace(pin.locked, artifacts={**pin.locked.artifacts, **chosen}))


def _is_of_other_version(context: Context, pin: Pin, platform: str, url: str) -> bool:
    """Return whether upstream lists a locked URL for another version."""
    other = context.catalog.version_by_list(pin.tool, pin.version, parse_platform(platform), url)
    return other not in {None, pin.version}


def locked_artifacts(context: Context, tool: str, version: str, artifacts: Mapping[str, Artifact]) -> Locked:
    """Return the lock entry of a version's archives, with the signatures its manifest declares."""
    declared = {
        name: context.catalog.signature(tool, version, parse_platform(name), artifact.url)
        for name, artifact in artifacts.items()
    }
    signatures = {name: signature.lock_fields for name, signature in declared.items() if signature}
    return Locked(context.catalog.manifest(tool).digest, artifacts, signatures)


def _artifacts(
    context: Context, tool: str, version: str, platforms: Sequence[Platform]
) -> dict[str, Artifact]:
    """Return the archives upstream has."""
    candidates = {platform.key: _artifact(context, tool, version, platform) for platform in platforms}
    artifacts = {name: artifact for name, artifact in candidates.items() if artifact}
    if not artifacts:
        raise UnsupportedPlatform(
            f"{tool} {version} is not available for {', '.join(candidates)}",
            f"to install from a URL, run `envmgr install {tool} {version} URL`",
        )
    return artifacts


def _artifact(context: Context, tool: str, version: str, platform: Platform) -> Artifact | None:
    """Return the archive for a platform; an ambiguous one is an error on that platform only."""
    try:
        return context.catalog.artifact(tool, version, platform)
    except AmbiguousAsset as error:
        if platform == context.platform:
            raise
        context.progress.message(f"{tool} {version}: not locked for {platform.key}: {error.message}")
        return None


def _note_emulation(context: Context, pin: Pin) -> None:
    """Print a notice of the platforms whose archive is for x64."""
    for platform, artifact in pin.locked.artifacts.items():
        emulator = url_hints.emulator(artifact.url, parse_platform(platform))
        if emulator:
            context.progress.message(
                f"{pin.tool} {pin.version}: no archive for {platform}; the one for x64 requires {emulator}"
            )


def _note_missing_digests(context: Context, pin: Pin, locked: Locked | None) -> None:
    """Print a notice if upstream publishes no digests and the lock has none for this platform."""
    recorded = locked.artifacts.get(context.platform.key) if locked else None
    here = pin.locked.artifacts.get(context.platform.key)
    is_recorded = recorded and here and recorded.digest and recorded.url == here.url
    missing = [artifact for artifact in pin.locked.artifacts.values() if artifact.digest is None]
    if missing and not is_recorded:
        of_which = "" if len(missing) == len(pin.locked.artifacts) else " of some archives"
        context.progress.message(
            f"{pin.tool} {pin.version}: upstream publishes no digests{of_which};"
            " they will be recorded on first download"
        )


def apply(lock: Lockfile, pins: Iterable[Pin], dotfile: Dotfile) -> Lockfile:
    """Return a lock with the pins, and only the requests of its dotfile.

    Raise DigestMismatch if a URL has different digests, except those of versions that the lock no longer has.
    """
    for pin in pins:
        lock = lockfile.with_release(lock, pin.key, pin.version, pin.tool, pin.locked)
    pruned = lockfile.prune(lock, [key(tool, spec) for tool, spec in lockable(dotfile.entries)])
    lockfile.check_digests(pruned)
    return pruned


def write(context: Context, dotfile: Dotfile, pins: Iterable[Pin]) -> bool:
    """Record pins in a dotfile's lock, merged with concurrent changes; return whether it changed."""
    known_projects.record(context.paths, context.project)
    path = lockfile_io.path_beside(dotfile.path)
    pins = list(pins)
    current = context.locks.reload(path)
    if current is not None and render(apply(current, pins, dotfile)) == context.locks.text(path):
        return False  # without a lock: another user's directories may be read-only
    with path_lock(context.paths, path):
        before = context.locks.reload(path)
        return context.locks.write(path, apply(before or EMPTY, pins, dotfile))

"""Installing what is asked for: resolve, install in parallel, then record in lock and shims."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.catalog.release import Artifact
from envmgr.install import installer, store
from envmgr.install.installer import Job, Outcome
from envmgr.kit.digest import Digest
from envmgr.kit.errors import (
    EnvmgrError,
    InstallError,
    StaleLock,
    UnsupportedPlatform,
    UsageError,
)
from envmgr.kit.value import frozen, replace
from envmgr.ops import active, locking, reshim
from envmgr.ops.locking import Pin
from envmgr.project import lockfile, lockio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envmgr.catalog.release import Location
    from envmgr.install.fetch import Download
    from envmgr.install.installer import Fetch
    from envmgr.kit.http import Http
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress
    from envmgr.ops.context import Context
    from envmgr.ops.tools import ToolSpec
    from envmgr.project.dotfile import Dotfile
    from envmgr.project.request import Request

LEAST_JOBS = 4
PATIENCE = 5.0  # seconds that an interrupted run waits for its scripts to end


@frozen
class InstallResult:
    """What was installed, what was there already, and the locks that changed."""

    installed: tuple[Outcome, ...]
    already: tuple[Outcome, ...]
    locks: tuple[str, ...] = ()


@frozen
class Step:
    """One version to install, and the dotfile (if any) whose lock records it."""

    pin: Pin
    dotfile: Dotfile | None = None


@frozen
class Options:
    """How to install: `locked` takes the lock as it is or fails; `force` installs again what is there."""

    locked: bool = False
    force: bool = False
    jobs: int = 0


def install_project(context: Context, options: Options = Options()) -> InstallResult:  # noqa: B008 - a frozen value
    """Install everything the project asks for."""
    return run(context, plan_project(context, options), options)


def install_tools(context: Context, items: Sequence[ToolSpec], options: Options = Options()) -> InstallResult:  # noqa: B008 - a frozen value
    """Install the named tools; one without a spec as the project asks for it, else its latest."""
    return run(context, plan_tools(context, items, options), options)


def install_url(context: Context, item: ToolSpec, url: str, options: Options = Options()) -> InstallResult:  # noqa: B008 - a frozen value
    """Install a version from an archive at a given URL."""
    return run(context, [plan_url(context, item, url)], options)


def install_requests(context: Context, requests: Iterable[Request]) -> InstallResult:
    """Install what some of the project's requests ask for."""
    return run(context, _plan_requests(context, list(requests), Options()), Options())


def plan_project(context: Context, options: Options) -> list[Step]:
    """Find out what installing the project means; `locked` fails here, before any download."""
    return _plan_requests(context, list(context.project.requests()), options)


def plan_tools(context: Context, items: Sequence[ToolSpec], options: Options) -> list[Step]:
    """Find out what the named tools mean."""
    asked = {request.tool: request for request in context.project.requests()}
    steps: list[Step] = []
    for item in items:
        tool = context.catalog.manifest(item.tool).name
        request = asked.get(tool)
        if request and item.spec in {None, *request.specs}:
            steps += _plan_requests(context, [request], options)
        else:
            steps.append(_plan_spec(context, tool, item.spec or "latest"))
    return steps


def plan_url(context: Context, item: ToolSpec, url: str) -> Step:
    """Find out what a version at a URL means; it is locked if the project asks for that version."""
    version = item.spec or ""
    tool = context.catalog.manifest(item.tool).name
    if not versions.is_folder_name(version) or not versions.parse_spec(version).exact:
        raise UsageError(f"{version!r} is no full version", f"write `envmgr install {tool} 1.2.3 {url}`")
    artifacts = {context.platform.key: Artifact(url)}
    locked = lockfile.Locked(context.catalog.manifest(tool).digest, artifacts)
    request = context.project.request(tool)
    matching = next((s for s in request.specs if versions.satisfies(version, s)), None) if request else None
    dotfile = context.project.file_of(request) if request and matching else None
    return Step(Pin(tool, matching or version, version, locked), dotfile)


def _plan_spec(context: Context, tool: str, spec: str) -> Step:
    pins = locking.pin(context, [(tool, spec)], lockfile.EMPTY, [context.platform], is_good=lambda _: True)
    return Step(pins[0])


def _plan_requests(context: Context, requests: Sequence[Request], options: Options) -> list[Step]:
    steps: list[Step] = []
    for dotfile in context.project.files:
        mine = [request for request in requests if context.project.file_of(request) == dotfile]
        steps += [Step(one, dotfile) for one in _pins_of_file(context, dotfile, mine, options)]
    elsewhere = [request for request in requests if context.project.file_of(request) is None]
    return steps + [_plan_spec(context, tool, spec) for tool, spec in locking.lockable(elsewhere)]


def _pins_of_file(
    context: Context, dotfile: Dotfile, requests: Sequence[Request], options: Options
) -> list[Pin]:
    if not requests:
        return []
    path = lockio.path_beside(dotfile.path)
    lock = lockio.read(path)
    wanted = locking.lockable(requests)
    if options.locked:
        _check_locked(path, lock, wanted, context.platform.key)
    lock = lock or lockfile.EMPTY
    return locking.pin(
        context,
        wanted,
        lock,
        locking.platforms_for(context, lock),
        is_good=lambda known: context.platform.key in known.artifacts,
    )


def _check_locked(
    path: str, lock: lockfile.Lockfile | None, wanted: Sequence[tuple[str, str]], platform: str
) -> None:
    if lock is None:
        raise StaleLock(f"there is no {path}", "run `envmgr lock` and commit the file")
    for tool, spec in wanted:
        version = lock.version_of(lockfile.key(tool, spec))
        known = lock.locked(tool, version) if version else None
        if known is None:
            raise StaleLock(f"{path} does not lock {tool}={spec}", "run `envmgr lock` and commit the file")
        if platform not in known.artifacts:
            raise StaleLock(
                f"{path} locks {tool} {version} for {', '.join(sorted(known.artifacts))}, not for {platform}",
                f"run `envmgr lock --platform {platform}` and commit the file",
            )


def run(context: Context, steps: Sequence[Step], options: Options) -> InstallResult:
    """Carry out the steps, record what was learned, and make the commands available."""
    store.sweep(context.paths)
    outcomes, failures = _run_waves(context, _distinct(steps), options)
    locks = _record(context, steps, outcomes)
    if any(not outcome.already for outcome in outcomes.values()) or reshim.stale(context):
        reshim.reshim(context)  # also after a run that was killed between installing and this
    if failures:
        raise _combined(failures)
    done = list(outcomes.values())
    return InstallResult(
        tuple(one for one in done if not one.already), tuple(one for one in done if one.already), tuple(locks)
    )


def _distinct(steps: Sequence[Step]) -> list[Step]:
    return list({(step.pin.tool, step.pin.version): step for step in steps}.values())


Outcomes = dict[tuple[str, str], Outcome]
Failures = dict[str, EnvmgrError]


def _run_waves(context: Context, steps: Sequence[Step], options: Options) -> tuple[Outcomes, Failures]:
    """Install tools that others require before those."""
    outcomes: Outcomes = {}
    failures: Failures = {}
    for wave in _waves(context, steps):
        for step, result in zip(wave, _run_wave(context, wave, options), strict=True):
            if isinstance(result, Outcome):
                outcomes[step.pin.tool, step.pin.version] = result
            else:
                failures[_name(step)] = result
        if failures:
            break
    return outcomes, failures


def _waves(context: Context, steps: Sequence[Step]) -> list[list[Step]]:
    waves: list[list[Step]] = []
    waiting = list(steps)
    while waiting:
        names = {step.pin.tool for step in waiting}
        free = [step for step in waiting if not names & (set(_requires(context, step)) - {step.pin.tool})]
        waves.append(free or waiting)  # tools that require each other go together
        waiting = [step for step in waiting if step not in waves[-1]]
    return waves


def _requires(context: Context, step: Step) -> tuple[str, ...]:
    return context.catalog.manifest(step.pin.tool).requires


def _run_wave(context: Context, wave: Sequence[Step], options: Options) -> list[Outcome | EnvmgrError]:
    stop = threading.Event()
    building: set[str] = set()

    def attempt(step: Step) -> Outcome | EnvmgrError:
        try:
            return _install(context, step, options, stop, building)
        except EnvmgrError as error:
            context.progress.done(_name(step), "failed")
            return error

    pool = ThreadPoolExecutor(max(1, min(len(wave), jobs_of(context, options))))
    futures = [pool.submit(attempt, step) for step in wave]
    try:
        return [future.result() for future in futures]
    except BaseException:  # Ctrl-C or SIGTERM: scripts are ended, downloads are left to go on next time
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        to_clean_up = [f for f, step in zip(futures, wave, strict=True) if _name(step) in building]
        wait(to_clean_up, timeout=PATIENCE)
        raise
    finally:
        pool.shutdown(wait=False)


def jobs_of(context: Context, options: Options) -> int:
    """Return how many tools to install at once."""
    return options.jobs or context.settings.jobs or max(LEAST_JOBS, os.cpu_count() or 1)


def _name(step: Step) -> str:
    return f"{step.pin.tool} {step.pin.version}"


def _install(
    context: Context, step: Step, options: Options, stop: threading.Event, building: set[str]
) -> Outcome:
    """Install a version, adding its name to `building` once it is downloaded."""
    return installer.install(
        job_of(context, step.pin),
        paths=context.paths,
        http=lambda: context.http,
        locate=context.catalog.locate,
        progress=context.progress,
        trusted=context.settings.trusted,
        jobs=jobs_of(context, options),
        force=options.force,
        stop=stop,
        fetch=_noting(building),
    )


def _noting(building: set[str]) -> Fetch:
    """Return what downloads, and adds the task to `building` when there is something to clean up from now on."""
    from envmgr.install.fetch import download

    def fetch(
        artifact: Artifact,
        *,
        http: Http,
        paths: Paths,
        locate: Callable[[Artifact], Location],
        progress: Progress,
        task: str,
    ) -> Download:
        downloaded = download(artifact, http=http, paths=paths, locate=locate, progress=progress, task=task)
        building.add(task)
        return downloaded

    return fetch


def job_of(context: Context, pin: Pin) -> Job:
    """Return what the installer must know of a pin; raise UnsupportedPlatform where upstream has nothing."""
    artifact = pin.locked.artifacts.get(context.platform.key)
    layout = context.catalog.layout(
        pin.tool, pin.version, context.platform, artifact.url if artifact else None
    )
    if artifact is None or layout is None:
        raise UnsupportedPlatform(
            f"{pin.tool} {pin.version} is not published for {context.platform.key}",
            f"it is published for {', '.join(sorted(pin.locked.artifacts))}",
        )
    plugin = context.catalog.manifest(pin.tool).digest
    return Job(pin.tool, pin.version, context.platform, artifact, layout, plugin)


def _record(context: Context, steps: Sequence[Step], outcomes: Outcomes) -> list[str]:
    """Write what is known now into the locks of the dotfiles concerned."""
    changed = []
    for dotfile in context.project.files:
        pins = [
            _learned(step.pin, outcomes[step.pin.tool, step.pin.version], context.platform.key)
            for step in steps
            if step.dotfile == dotfile and (step.pin.tool, step.pin.version) in outcomes
        ]
        if pins and locking.write(context, dotfile, pins):
            changed.append(lockio.path_beside(dotfile.path))
    return changed


def _learned(pin: Pin, outcome: Outcome, platform: str) -> Pin:
    """Add the digest and size of what was downloaded where upstream did not say them."""
    known = pin.locked.artifacts[platform]
    if known.digest or not outcome.sha256:
        return pin
    artifact = replace(known, digest=Digest("sha256", outcome.sha256), size=outcome.bytes)
    return replace(pin, locked=replace(pin.locked, artifacts={**pin.locked.artifacts, platform: artifact}))


def _combined(failures: Failures) -> EnvmgrError:
    if len(failures) == 1:
        return next(iter(failures.values()))
    lines = [f"{len(failures)} tools could not be installed"]
    for name, failure in failures.items():
        lines += [f"  {name}: {failure.message}", *([f"    {failure.hint}"] if failure.hint else [])]
    return InstallError("\n".join(lines), "what did succeed is kept; run the same command again for the rest")


def missing(context: Context) -> list[Request]:
    """Return the project's requests that are not installed."""
    found = active.resolve(context)
    return [one.request for one in found if one.kind == "version" and one.installed is None]


def preview(context: Context, steps: Sequence[Step], options: Options) -> InstallResult:
    """Return what `run` would do, without doing it."""
    outcomes = [_expected(context, step.pin, options) for step in _distinct(steps)]
    return InstallResult(
        tuple(one for one in outcomes if not one.already), tuple(one for one in outcomes if one.already)
    )


def _expected(context: Context, one: Pin, options: Options) -> Outcome:
    job = job_of(context, one)
    already = store.get(context.paths, one.tool, one.version) is not None and not options.force
    digest = job.artifact.digest
    return Outcome(
        tool=one.tool,
        version=one.version,
        path=context.paths.install(one.tool, one.version),
        url=job.artifact.url,
        sha256=digest.value if digest and digest.algorithm == "sha256" else "",
        bytes=job.artifact.size or 0,
        seconds=0.0,
        from_cache=False,
        already=already,
    )

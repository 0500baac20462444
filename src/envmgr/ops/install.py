"""Installation of requested tools: resolve, install in parallel, update lock and shims."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.install.outcome import Outcome, outcome_of_existing
from envmgr.kit.digest import Digest
from envmgr.kit.errors import (
    EnvmgrError,
    InstallError,
)
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.http import urls
from envmgr.kit.thread_pool import POLL_INTERVAL_SECONDS, ThreadPool
from envmgr.ops import reshim
from envmgr.project import known_projects, lockfile, lockfile_io
from envmgr.resolve import command_clashes, install_plan, lock_manifests, lock_update, requirements
from envmgr.resolve.install_plan import Options, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envmgr.catalog.release import Location
    from envmgr.install.download.download import Download
    from envmgr.install.download.growing_file import GrowingFile
    from envmgr.install.installer import Fetch
    from envmgr.kit.http.client import Http
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress
    from envmgr.lockformat.model import Artifact
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin
    from envmgr.resolve.tool_specs import ToolSpec

MIN_JOBS = 4
CANCEL_TIMEOUT_SECONDS = 5.0  # seconds that an interrupted run waits for its scripts to end


@frozen
class InstallResult:
    """Installed versions, versions that were already installed, and changed locks.

    `has_stale_shims`: this user must not write the shims, and some are missing or stale.
    """

    installed: tuple[Outcome, ...]
    already_installed: tuple[Outcome, ...]
    locks: tuple[str, ...] = ()
    has_stale_shims: bool = False


def install_project(context: Context, options: Options = Options()) -> InstallResult:  # noqa: B008 - a frozen value
    """Install all tools of the project."""
    return run(context, install_plan.plan_project(context, options), options)


def install_tools(context: Context, items: Sequence[ToolSpec], options: Options = Options()) -> InstallResult:  # noqa: B008 - a frozen value
    """Install the named tools; without a spec, the project's version, else the latest."""
    return run(context, install_plan.plan_tools(context, items, options), options)


def install_url(context: Context, item: ToolSpec, url: str, options: Options = Options()) -> InstallResult:  # noqa: B008 - a frozen value
    """Install a version from an archive at a given URL."""
    return run(context, [install_plan.plan_url(context, item, url)], options)


def install_requests(context: Context, requests: Iterable[Request]) -> InstallResult:
    """Install some of the project's requests."""
    return run(context, install_plan.plan_requests(context, list(requests), Options()), Options())


def run(context: Context, steps: Sequence[Step], options: Options) -> InstallResult:
    """Install the versions of the steps, update their locks and the shims."""
    known_projects.record(context.paths, context.project)
    outcomes, failures = _run_steps(context, steps, options)
    has_stale_shims = not _write_shims(context, outcomes)
    locks = [] if options.locked else _record(context, steps, outcomes)
    if failures:
        raise _combine_failures(failures, outcomes)
    return replace(_result(outcomes.values(), locks), has_stale_shims=has_stale_shims)


def _write_shims(context: Context, outcomes: Outcomes) -> bool:
    """Write the shims; return whether all are up to date."""
    if all(outcome.already_installed for outcome in outcomes.values()):
        return reshim.try_refresh(context)  # also after a run that was killed between installing and this
    reshim.reshim(context)
    return True


def install_versions(context: Context, pins: Iterable[Pin]) -> InstallResult:
    """Install versions; the caller updates lock and shims."""
    outcomes, failures = _run_steps(context, [Step(pin) for pin in pins], Options())
    if failures:
        raise _combine_failures(failures, outcomes)
    return _result(outcomes.values())


def _run_steps(context: Context, steps: Sequence[Step], options: Options) -> tuple[Outcomes, Failures]:
    requirements.check(context, steps, force=options.force)
    store.remove_stale(context.paths, context.progress)
    distinct = _distinct(steps)
    outcomes, failures = _find_existing(context, distinct, options)
    missing = [
        step
        for step in distinct
        if (step.pin.tool, step.pin.version) not in outcomes and _name(step) not in failures
    ]
    if missing:
        installed, install_failures = _run_levels(context, missing, options)
        outcomes, failures = {**outcomes, **installed}, {**failures, **install_failures}
    command_clashes.note_shared_commands(
        context, [name for name, outcome in outcomes.items() if not outcome.already_installed]
    )
    return outcomes, failures


def _result(outcomes: Iterable[Outcome], locks: Iterable[str] = ()) -> InstallResult:
    completed = list(outcomes)
    return InstallResult(
        tuple(outcome for outcome in completed if not outcome.already_installed),
        tuple(outcome for outcome in completed if outcome.already_installed),
        tuple(locks),
    )


def _distinct(steps: Sequence[Step]) -> list[Step]:
    return list({(step.pin.tool, step.pin.version): step for step in steps}.values())


Outcomes = dict[tuple[str, str], Outcome]
Failures = dict[str, EnvmgrError]


def _find_existing(context: Context, steps: Sequence[Step], options: Options) -> tuple[Outcomes, Failures]:
    """Return the versions that are installed, found without installer and layouts of archives."""
    outcomes: Outcomes = {}
    failures: Failures = {}
    for step in () if options.force else steps:
        tool, version = step.pin.tool, step.pin.version
        existing = store.get(context.paths, tool, version)
        try:
            if existing:
                artifact, _ = install_plan.archive_of(context, step.pin)
                outcomes[tool, version] = outcome_of_existing(existing, artifact)
                context.progress.done(_name(step), "already installed")
        except EnvmgrError as error:
            context.progress.done(_name(step), "failed")
            failures[_name(step)] = error
    return outcomes, failures


def _run_levels(context: Context, steps: Sequence[Step], options: Options) -> tuple[Outcomes, Failures]:
    """Install tools that others require before those."""
    outcomes: Outcomes = {}
    failures: Failures = {}
    for wave in _dependency_levels(context, steps):
        for step, result in zip(wave, _run_level(context, wave, options), strict=True):
            if isinstance(result, Outcome):
                outcomes[step.pin.tool, step.pin.version] = result
            else:
                failures[_name(step)] = result
        if failures:
            break
    return outcomes, failures


def _dependency_levels(context: Context, steps: Sequence[Step]) -> list[list[Step]]:
    waves: list[list[Step]] = []
    waiting = list(steps)
    while waiting:
        names = {step.pin.tool for step in waiting}
        free = [step for step in waiting if not names & requirements.required_tools(context, step.pin.tool)]
        waves.append(free or waiting)  # tools that require each other go together
        waiting = [step for step in waiting if step not in waves[-1]]
    return waves


def _run_level(context: Context, level: Sequence[Step], options: Options) -> list[Outcome | EnvmgrError]:
    stop = threading.Event()
    building: set[str] = set()

    def attempt(step: Step) -> Outcome | EnvmgrError:
        try:
            return _install(context, step, options, stop, building)
        except EnvmgrError as error:
            context.progress.done(_name(step), "failed")
            return error
        finally:
            building.discard(_name(step))

    pool = ThreadPool([partial(attempt, step) for step in level], jobs_of(context, options))
    try:
        return [task.result() for task in pool.tasks]
    except BaseException:  # Ctrl-C or SIGTERM: scripts are ended, downloads are left to go on next time
        stop.set()
        pool.cancel()
        _await_empty(building, CANCEL_TIMEOUT_SECONDS)
        raise


def _await_empty(building: set[str], timeout_seconds: float) -> None:
    """Wait until no tool is being built; a future may not have been returned before the interruption."""
    deadline = time.monotonic() + timeout_seconds
    while building and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_SECONDS)


def jobs_of(context: Context, options: Options) -> int:
    """Return how many tools to install at once."""
    return options.jobs or context.settings.jobs or max(MIN_JOBS, os.cpu_count() or 1)


def _name(step: Step) -> str:
    return f"{step.pin.tool} {step.pin.version}"


def _install(
    context: Context, step: Step, options: Options, stop: threading.Event, building: set[str]
) -> Outcome:
    """Install a version, adding its name to `building` before it creates files."""
    from envmgr.install import installer

    return installer.install(
        install_plan.job_of(context, step.pin),
        paths=context.paths,
        http=lambda: context.http,
        locate=context.catalog.locate,
        progress=context.progress,
        trusted=context.settings.trusted,
        jobs=jobs_of(context, options),
        force=options.force,
        stop=stop,
        fetch=_tracked_fetch(building),
    )


def _tracked_fetch(building: set[str]) -> Fetch:
    """Return the download function; it adds the task to `building`, as its files are unpacked meanwhile."""
    from envmgr.install.download.download import download

    def fetch(
        artifact: Artifact,
        *,
        http: Http,
        paths: Paths,
        locate: Callable[[Artifact], Location],
        progress: Progress,
        task: str,
        growing: GrowingFile | None = None,
    ) -> Download:
        building.add(task)
        return download(
            artifact,
            http=http,
            paths=paths,
            locate=locate,
            progress=progress,
            task=task,
            growing=growing,
        )

    return fetch


def _record(context: Context, steps: Sequence[Step], outcomes: Outcomes) -> list[str]:
    """Write what is known now into the locks of the dotfiles concerned."""
    changed = []
    for dotfile in context.project.files:
        pins = [
            with_recorded_digest(step.pin, outcomes[step.pin.tool, step.pin.version], context.platform.key)
            for step in steps
            if step.dotfile == dotfile and (step.pin.tool, step.pin.version) in outcomes
        ]
        if pins and lock_update.write(context, dotfile, pins):
            changed.append(lockfile_io.path_beside(dotfile.path))
            lock_manifests.warn_of_own_manifests(context, dotfile, pins)
    return changed


def with_recorded_digest(pin: Pin, outcome: Outcome, platform: str) -> Pin:
    """Add the digest and size of a download to every platform with its URL, where upstream publishes none."""
    locked_artifact = pin.locked.artifacts.get(platform)
    if locked_artifact is None or locked_artifact.digest or outcome.url != urls.lock_url(locked_artifact.url):
        return pin
    artifact = replace(locked_artifact, digest=Digest("sha256", outcome.sha256), size=outcome.bytes)
    artifacts = {**pin.locked.artifacts, platform: artifact}
    return replace(pin, locked=replace(pin.locked, artifacts=lockfile.with_shared_digests(artifacts)))


def _combine_failures(failures: Failures, outcomes: Outcomes) -> EnvmgrError:
    if len(failures) == 1:
        return next(iter(failures.values()))
    lines = [f"failed to install {len(failures)} tools"]
    for name, failure in failures.items():
        lines += [f"  {name}: {failure.message}", *([f"    {failure.hint}"] if failure.hint else [])]
    hint = "the others were installed; retry for the rest" if outcomes else "fix the causes, then retry"
    return InstallError("\n".join(lines), hint)


def preview(context: Context, steps: Sequence[Step], options: Options) -> InstallResult:
    """Return what `run` would do, without doing it."""
    return _result(_plan_outcome(context, step.pin, options) for step in _distinct(steps))


def _plan_outcome(context: Context, pin: Pin, options: Options) -> Outcome:
    job = install_plan.job_of(context, pin)
    already = store.get(context.paths, pin.tool, pin.version) is not None and not options.force
    digest = job.artifact.digest
    return Outcome(
        tool=pin.tool,
        version=pin.version,
        path=context.paths.install(pin.tool, pin.version),
        url=job.artifact.url,
        sha256=digest.value if digest and digest.algorithm == "sha256" else "",
        bytes=job.artifact.size or 0,
        seconds=0.0,
        from_cache=False,
        already_installed=already,
    )

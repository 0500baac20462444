"""Environment plans: the environment of a directory, and how shells notice that it is outdated.

A shell that has applied a plan checks it at each prompt, without starting a process. Once written, the plan of a
project is sourced by every shell that enters it.

    plans/<project's directory>/.activate-<shell>.plan    in a project
    plans/.activate-<shell>.global                        outside of any
    plans/<nanoseconds>.<process>.mark                    exists until an installation or removal
"""

from __future__ import annotations

import os

from envmgr.kit.environment import is_overridden
from envmgr.kit.frozen import frozen, replace
from envmgr.shells import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.paths import Paths
    from envmgr.shells.plan import Draft, Stamp


@frozen
class Input:
    """A file that a plan depends on.

    `mtime_ns` is None if it is absent, and `stamp` a file with the same time, empty if none could be created.
    """

    path: str
    mtime_ns: int | None = None
    stamp: str = ""


@frozen
class Checks:
    """Conditions under which a plan is up to date.

    `mark` is a file that installing and removing tools deletes; empty if none can be written. `is_settled` is false
    if an input may still change without a new time. `directories` are paths that were, or were not, directories.
    """

    inputs: tuple[Input, ...]
    variables: Mapping[str, str]
    directories: Mapping[str, bool]
    home: str
    mark: str = ""
    is_settled: bool = True


@frozen
class EnvironmentPlan:
    """Changes to the environment of a shell; `project` is empty outside of any, `note` is printed once."""

    project: str
    path: tuple[str, ...]
    exports: Mapping[str, str]
    note: str
    checks: Checks


class InputChanged(Exception):
    """An input that was changed while its plan was made."""


@frozen
class Recording:
    """A draft and a mark, created before the inputs are read; None and "" if they cannot be written."""

    draft: Draft | None
    mark: str


def start(paths: Paths) -> Recording:
    """Start a recording."""
    draft = plan.start(paths)
    return Recording(
        draft, _create_mark(f"{paths.plans}/{draft.started_at_ns}.{os.getpid()}.mark") if draft else ""
    )


def _create_mark(path: str) -> str:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    except OSError:
        return ""
    return path


def record_inputs(
    paths: Paths, recording: Recording, files: tuple[str, ...]
) -> tuple[tuple[Input, ...], bool]:
    """Return the inputs, and whether all of them have settled."""
    if recording.draft is None:
        return tuple(Input(path, _mtime(path)) for path in files), True
    try:
        stamps = plan.stamp_inputs(paths, files, recording.draft.started_at_ns)
    except (OSError, ValueError):
        return (), False
    return tuple(_stamped_input(path, stamps.get(path)) for path in files), True


def _stamped_input(path: str, stamp: Stamp | None) -> Input:
    return Input(path, stamp.mtime_ns, stamp.path) if stamp else Input(path)


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def mark_unsettled(planned: EnvironmentPlan) -> EnvironmentPlan:
    """Return a plan that is used once, as an input has changed."""
    return replace(planned, checks=replace(planned.checks, is_settled=False))


def finish(paths: Paths, recording: Recording, shell: str, planned: EnvironmentPlan, text: str) -> None:
    """Write the plan of a project for other shells, if it may be used again."""
    if recording.draft is None:
        return
    if not planned.checks.is_settled:
        discard(recording)
    elif not recording.mark or is_overridden(planned.checks.variables):
        plan.discard(recording.draft)
    else:
        plan.try_publish(recording.draft, path_of(paths, shell, planned.project), text)


def discard(recording: Recording) -> None:
    """Delete the files of a recording whose plan is not used."""
    if recording.draft:
        plan.discard(recording.draft)
    if recording.mark:
        try:  # noqa: SIM105 - contextlib costs start-up time
            os.unlink(recording.mark)
        except OSError:
            pass


def path_of(paths: Paths, shell: str, project: str) -> str:
    """Return the path of a plan; `project` is empty outside of any."""
    return plan.path_of(paths, project or None, f".activate-{shell}")

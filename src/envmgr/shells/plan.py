"""Plans: cached resolutions that shims source instead of starting Python.

A plan names the program for one command in one project, and verifies that its inputs are unchanged: files that were
read (older than the plan, with the recorded time), files that were absent, and variables. It is only a cache: if it
cannot be written, the command runs all the same.

    plans/<project's directory>/<command>.plan     in a project
    plans/<command>.global                         outside of any
    plans/<nanoseconds>.stamp                      an empty file with that time, for comparison
"""

from __future__ import annotations

import os

from envmgr.kit.errors import StorageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import list_names, remove_tree, storage_errors
from envmgr.shells import quoting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.kit.paths import Paths

_TRASH = ".plans-"
_numbers = iter(range(1 << 62))


@frozen
class Plan:
    """A resolved command and its inputs.

    `exports` are variables to set for the program. `inputs` are files that were read or absent. `variables` are those
    that were read, with their values (empty for unset). `directories` must still exist. `path` are directories that
    PATH must start with.
    """

    program: str
    exports: Mapping[str, str]
    inputs: tuple[str, ...]
    variables: Mapping[str, str]
    directories: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


@frozen
class Stamp:
    """The time of an input, and the path of a file that has it too; empty if none could be created."""

    mtime_ns: int
    path: str


@frozen
class Draft:
    """A file created before the inputs are read; `started_at_ns` is its file system's clock at that time."""

    path: str
    started_at_ns: int


def path_of(paths: Paths, directory: str | None, command: str) -> str:
    """Return the path of a plan; `directory` is the project's, None outside of any."""
    if directory is None:
        return f"{paths.plans}/{command}.global"
    return f"{paths.plans}{directory.rstrip('/')}/{command}.plan"


def start(paths: Paths) -> Draft | None:
    """Start a plan, before its inputs are read; None if plans cannot be written.

    `invalidate_all` deletes the draft, so that an outdated resolution is not committed.
    """
    if os.name == "nt":
        return None
    path = f"{paths.plans}/{os.getpid()}.{next(_numbers)}.draft"
    try:
        os.makedirs(paths.plans, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        return Draft(path, os.stat(path).st_mtime_ns)
    except OSError:
        return None


def commit(paths: Paths, draft: Draft, directory: str | None, command: str, plan: Plan) -> bool:
    """Write a plan; return whether it was possible."""
    try:
        stamps = stamp_inputs(paths, plan.inputs, draft.started_at_ns)
        text = render(plan, {path: stamp.path for path, stamp in stamps.items()})
    except (OSError, ValueError):
        discard(draft)
        return False
    return try_publish(draft, path_of(paths, directory, command), text)


def try_publish(draft: Draft, target: str, text: str) -> bool:
    """Write a plan's text to its path; return whether it was possible."""
    try:
        with open(draft.path, "r+b") as file:
            file.write(os.fsencode(text))
        os.utime(draft.path, ns=(draft.started_at_ns, draft.started_at_ns))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(draft.path, target)
    except (OSError, ValueError):
        discard(draft)
        return False
    return True


def discard(draft: Draft) -> None:
    """Discard a draft."""
    try:  # noqa: SIM105 - contextlib costs start-up time
        os.unlink(draft.path)
    except OSError:
        pass


def invalidate_all(paths: Paths) -> None:
    """Delete all plans and drafts at once; without any, write nothing."""
    if not os.path.lexists(paths.plans):
        return
    parent = os.path.dirname(paths.plans)
    with storage_errors(parent):
        _move_aside(paths.plans, os.path.join(parent, f"{_TRASH}{os.getpid()}.{next(_numbers)}"))
        left = [
            name for name in list_names(parent) if name.startswith(_TRASH)
        ]  # also the leftovers of killed processes
    for name in left:
        _remove_if_possible(os.path.join(parent, name))


def _move_aside(path: str, to: str) -> None:
    try:  # noqa: SIM105 - contextlib costs start-up time
        os.rename(path, to)
    except FileNotFoundError:
        pass


def _remove_if_possible(directory: str) -> None:
    """Delete unused plans; those of another user (`sudo node`) may remain."""
    try:  # noqa: SIM105 - contextlib costs start-up time
        remove_tree(directory)
    except StorageError:
        pass


def render(plan: Plan, stamps: Mapping[str, str]) -> str:
    """Return a plan as a POSIX shell script; raise ValueError if that is impossible.

    `stamps` has each existing input with the file that has its time (empty if none could be created).
    """
    for name in (*plan.exports, *plan.variables):
        if not quoting.is_name(name):
            raise ValueError(f"invalid shell variable {name!r}")
    if not quoting.RESERVED_VARIABLES.isdisjoint(plan.exports):
        raise ValueError("a variable that shells set themselves")
    exports = "".join(f"export {name}={quoting.posix(value)}\n" for name, value in plan.exports.items())
    conditions = " &&\n".join(_conditions(plan, stamps))
    return f"{conditions} && {{\n{exports}{_path(plan.path)}__envmgr_run={quoting.posix(plan.program)}\n}}\n"


def _path(directories: tuple[str, ...]) -> str:
    if not directories:
        return ""
    front = quoting.posix(":".join(dict.fromkeys(directories)))
    return f"case $PATH: in\n{front}:*) ;;\n*) PATH={front}:$PATH && export PATH ;;\nesac\n"


def _conditions(plan: Plan, stamps: Mapping[str, str]) -> Iterator[str]:
    unset = "".join(f"${{{name}-}}" for name, value in plan.variables.items() if not value)
    if unset:
        yield f'[ -z "{unset}" ]'
    for name, value in plan.variables.items():
        if value:
            yield f'[ "${{{name}-}}" = {quoting.posix(value)} ]'
    for path in plan.inputs:
        yield (
            _unchanged_test(quoting.posix(path), stamps[path])
            if path in stamps
            else f"[ ! -f {quoting.posix(path)} ]"
        )
    for directory in plan.directories:
        yield f"[ -d {quoting.posix(directory)} ]"
    yield f"[ -x {quoting.posix(plan.program)} ]"


def _unchanged_test(path: str, stamp: str) -> str:
    """Return the test of a file: older than the plan, and with the time of its stamp."""
    older = f'[ -f {path} ] && [ "$__envmgr_plan" -nt {path} ]'
    if not stamp:
        return older
    same = quoting.posix(stamp)
    return f"{older} && ! [ {path} -nt {same} ] && ! [ {path} -ot {same} ]"


def stamp_inputs(paths: Paths, inputs: tuple[str, ...], started_at: int) -> dict[str, Stamp]:
    """Return a stamp for each existing input; raise ValueError if one may have changed since `started_at`.

    Programs may set any modification time, but not the time of the last change.
    """
    stamps = {}
    for path in inputs:
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if status.st_ctime_ns >= started_at:
            raise ValueError(f"{path} was changed just now")
        stamps[path] = Stamp(status.st_mtime_ns, _create_stamp(paths, status.st_mtime_ns))
    return stamps


def _create_stamp(paths: Paths, mtime_ns: int) -> str:
    path = f"{paths.plans}/{mtime_ns}.stamp"
    if not _has_time(path, mtime_ns):
        fresh = f"{path}.{os.getpid()}.{next(_numbers)}"
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        os.utime(fresh, ns=(mtime_ns, mtime_ns))
        os.replace(fresh, path)
    return path if _has_time(path, mtime_ns) else ""


def _has_time(path: str, mtime_ns: int) -> bool:
    try:
        return os.stat(path).st_mtime_ns == mtime_ns
    except OSError:
        return False

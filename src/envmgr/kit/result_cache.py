"""Results of commands that had nothing to do, recorded with all that they depend on.

The next run compares these inputs and prints the result again, without reading manifests, locks or lists. Inputs are
the command line, the working directory, the variables that envmgr reads, and files and directories, absent ones
included, by their stamps. `ops/record_result.py` has the table of files.

Stamps are taken when a command ends, and an input may have changed since it was read. So a result is recorded without
being used, until a second run ends with the same result and the same stamps: its inputs have not changed in between.

A result is a file of fields separated by NUL: the format, the number of fields, the number of fields of the key, the
key, the time of recording, whether it is confirmed, the time of expiry, standard output, standard error, then pairs of
an input and its stamp.
"""

from __future__ import annotations

import os
import sys
import time

from envmgr import __version__
from envmgr.kit.frozen import frozen
from envmgr.kit.paths import hashed_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envmgr.kit.environment import Environment
    from envmgr.kit.paths import Paths

FORMAT = "envmgr-result 2"
MAX_RESULTS = 200
"""Results in the cache; the least recently used are removed."""
MAX_INPUTS = 50_000
"""A result with more inputs is not recorded."""

FILE_KIND, DIRECTORY_KIND = "f", "d"
ABSENT = "-"

_PIP_PREFIX = "PIP_"
VARIABLE_PREFIXES = ("ENVMGR_", "XDG_", _PIP_PREFIX)
VARIABLES = frozenset({"HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PATH", "PATHEXT"})
SECRET_SUFFIXES = ("_TOKEN", "_KEY", "_PASSWORD", "_SECRET")
"""Ends of the names of variables that are not stored: only requests use them, so that no result depends on them."""

_HEAD_FIELDS = 3
_SECRET_MARKS = frozenset("@?#")
_CONFIRMED, _UNCONFIRMED = "confirmed", "unconfirmed"
_TYPE_BITS, _DIRECTORY_BITS = 0o170000, 0o040000
_SECOND_NS = 1_000_000_000
_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2 * _SECOND_NS


@frozen
class Result:
    """The text that a command printed to standard output, and to standard error."""

    output: str
    notes: str = ""


@frozen
class Validity:
    """The time at which the command started to read its inputs, and that of expiry in seconds.

    A result without a time of expiry does not expire.
    """

    started_at_ns: int
    expires_at: float | None = None


def directory_of(paths: Paths) -> str:
    """Return the directory of the recorded results."""
    return os.path.join(paths.cache, "results")


def file_input(path: str) -> str:
    """Return the input of a file that a command reads; of a directory at its path, only that it is one."""
    return FILE_KIND + path


def directory_input(path: str) -> str:
    """Return the input of a directory whose names a command reads."""
    return DIRECTORY_KIND + path


def key_of(environment: Environment, words: Iterable[str]) -> tuple[str, ...]:
    """Return all that a result depends on, but files; `words` are the command line and its rendering."""
    machine, user = (os.uname().machine, str(os.geteuid())) if sys.platform != "win32" else ("", "")
    system = (__version__, __file__, sys.executable, sys.version, machine, user)
    return (*system, environment.cwd, *words, *sorted(_variables(environment.variables)))


def _variables(variables: Mapping[str, str]) -> Iterable[str]:
    for name, value in variables.items():
        if (name in VARIABLES or name.startswith(VARIABLE_PREFIXES)) and not name.endswith(SECRET_SUFFIXES):
            yield name if is_secret_of_pip(name, value) else f"{name}={value}"


def is_secret_of_pip(name: str, value: str) -> bool:
    """Return whether a variable of pip may have a secret, and is in keys without its value.

    A result that depends on it must not be recorded.
    """
    return name.startswith(_PIP_PREFIX) and not _SECRET_MARKS.isdisjoint(value)


def _can_have_secret(key: Iterable[str]) -> bool:
    """Return whether a key has a URL with a user, a query or a fragment: secrets are not stored.

    They are not cut out of URLs: where a password ends is not certain (`https://user:a/b@host`), and two keys that
    differ only in what is cut would have one result.
    """
    return any("://" in text and not _SECRET_MARKS.isdisjoint(text) for text in key)


@frozen
class _Entry:
    """A result in the cache, with pairs of an input and its stamp of a time before the recording."""

    recorded_at_ns: int
    is_confirmed: bool
    expires_at: float | None
    result: Result
    pairs: list[str]


def find(paths: Paths, key: Sequence[str]) -> Result | None:
    """Return the recorded result of a command if it is confirmed, and each of its inputs is as it was."""
    if _can_have_secret(key):
        return None
    path = _path_of(paths, key)
    entry = _read(path, key)
    if entry is None or not (entry.is_confirmed and _is_in_force(entry) and _is_unchanged(entry.pairs)):
        return None
    _renew(path)
    return entry.result


def _path_of(paths: Paths, key: Sequence[str]) -> str:
    """Return the file of a result."""
    return os.path.join(directory_of(paths), hashed_name("\0".join(key)))


def _read(path: str, key: Sequence[str]) -> _Entry | None:
    """Return the result for a key in a file, None if it is missing or damaged."""
    try:
        with open(path, "rb") as file:
            fields = file.read().decode(errors="surrogateescape").split("\0")
        head = [FORMAT, str(len(fields)), str(len(key)), *key]
        return _parse(fields[len(head) :]) if fields[: len(head)] == head else None
    except (OSError, ValueError):
        return None


def _parse(fields: list[str]) -> _Entry:
    """Return the result of fields; raise ValueError if they are too few, or no numbers."""
    recorded_at_ns, state, expires_at, output, notes, *pairs = fields
    if len(pairs) % 2:
        raise ValueError("an input without its stamp")
    return _Entry(
        recorded_at_ns=int(recorded_at_ns),
        is_confirmed=state == _CONFIRMED,
        expires_at=float(expires_at) if expires_at else None,
        result=Result(output, notes),
        pairs=pairs,
    )


def _is_in_force(entry: _Entry) -> bool:
    """Return whether a result has not expired; one of the future was recorded by another clock."""
    if entry.expires_at is None:
        return True
    return entry.recorded_at_ns <= time.time_ns() < entry.expires_at * _SECOND_NS


def _is_unchanged(pairs: list[str]) -> bool:
    inputs = iter(pairs)
    return all(_stamp(path) == stamp for path, stamp in zip(inputs, inputs, strict=True))


def _stamp(path: str) -> str:
    """Return what changes when an input does; no program can set the time of change."""
    try:
        return _stamp_of(os.stat(path[1:]), path[:1])
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except OSError as error:
        return f"error {error.errno}"


def _stamp_of(status: os.stat_result, kind: str) -> str:
    if kind == FILE_KIND and status.st_mode & _TYPE_BITS == _DIRECTORY_BITS:
        return "directory"
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return f"{times} {status.st_size} {status.st_ino} {status.st_mode}"


def record(
    paths: Paths, key: Sequence[str], result: Result, inputs: Iterable[str], validity: Validity
) -> bool:
    """Record a result; return whether the next run may use it: a second run must have confirmed it."""
    pairs = None if _can_have_secret(key) else _pairs(inputs)
    if pairs is None:
        return False
    path = _path_of(paths, key)
    age_ns = _age_ns(_read(path, key), result, pairs, validity.started_at_ns)
    is_confirmed = age_ns > _tick_ns(pairs)
    if age_ns >= 0 and not is_confirmed:
        return False  # a later run confirms what is recorded
    entry = _Entry(time.time_ns(), is_confirmed, validity.expires_at, result, pairs)
    return _write(path, key, entry) and is_confirmed


def _age_ns(earlier: _Entry | None, result: Result, pairs: list[str], started_at_ns: int) -> int:
    """Return the time from the recording of the same result and stamps to a run, -1 without one."""
    if earlier is None or earlier.result != result or earlier.pairs != pairs:
        return -1
    return max(started_at_ns - earlier.recorded_at_ns, -1)


def _pairs(inputs: Iterable[str]) -> list[str] | None:
    """Return the inputs with their stamps, None if there are too many."""
    names = dict.fromkeys(inputs)
    if len(names) > MAX_INPUTS:
        return None
    return [field for name in names for field in (name, _stamp(name))]


def _tick_ns(pairs: list[str]) -> int:
    """Return the longest time in which two changes of an input may have the same stamp.

    It is that of the file system's clock, which may be another machine's, and count whole seconds.
    """
    return _COARSE_TICK_NS if any(map(_is_coarse, pairs[1::2])) else _TICK_NS


def _is_coarse(stamp: str) -> bool:
    return stamp[0].isdigit() and not any(int(text) % _SECOND_NS for text in stamp.split(" ", 2)[:2])


def _write(path: str, key: Sequence[str], entry: _Entry) -> bool:
    """Write a result and remove the least recently used ones; return whether that is possible."""
    state = _CONFIRMED if entry.is_confirmed else _UNCONFIRMED
    expires_at = "" if entry.expires_at is None else str(entry.expires_at)
    result = entry.result
    values = [*key, str(entry.recorded_at_ns), state, expires_at, result.output, result.notes, *entry.pairs]
    if any("\0" in value for value in values):
        return False
    fields = [FORMAT, str(_HEAD_FIELDS + len(values)), str(len(key)), *values]
    try:
        _replace(path, "\0".join(fields).encode(errors="surrogateescape"))
        _remove_least_recent(os.path.dirname(path))
    except (OSError, UnicodeEncodeError):  # it is only a cache
        return False
    return True


def _replace(path: str, content: bytes) -> None:
    """Replace a file atomically; it is not flushed to the disk, as a damaged result is ignored."""
    from envmgr.kit.fs import unlink_quietly

    os.makedirs(os.path.dirname(path), exist_ok=True)
    staged = f"{path}.{os.getpid()}.tmp"
    try:
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(staged, path)
    except OSError:
        unlink_quietly(staged)
        raise


def _remove_least_recent(directory: str) -> None:
    from envmgr.kit.fs import unlink_quietly

    files = []
    with os.scandir(directory) as entries:
        for entry in entries:
            try:  # noqa: SIM105 - contextlib costs start-up time
                files.append((entry.stat().st_mtime_ns, entry.path))
            except FileNotFoundError:  # another envmgr removed it
                pass
    for _, path in sorted(files)[:-MAX_RESULTS]:
        unlink_quietly(path)


def _renew(path: str) -> None:
    """Set the time of a result that is used to now."""
    try:  # noqa: SIM105 - contextlib costs start-up time
        os.utime(path)
    except OSError:  # the cache is read-only
        pass

"""Results of commands that had nothing to do, recorded with all that they depend on.

The next run compares these inputs and prints the result again, without reading manifests, locks or lists. Inputs are
the command line, the working directory, the variables that envmgr reads, and files and directories, absent ones
included, by their stamps. `ops/record_result.py` has the table of files.

A result is a file of fields separated by NUL: the format, the number of fields, the number of fields of the key, the
key, the time of recording, the time of expiry, standard output, standard error, then pairs of an input and its stamp.
"""

from __future__ import annotations

import os
import sys
import time

from envmgr import __version__
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envmgr.kit.environment import Environment
    from envmgr.kit.paths import Paths

FORMAT = "envmgr-result 1"
MAX_RESULTS = 200
"""Results in the cache; the oldest are removed."""
MAX_INPUTS = 50_000
"""A result with more inputs is not recorded."""

FILE_KIND, DIRECTORY_KIND = "f", "d"
ABSENT = "-"

VARIABLE_PREFIXES = ("ENVMGR_", "XDG_", "PIP_")
VARIABLES = frozenset({"HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATH", "PATHEXT"})
SECRET_VARIABLES = frozenset({"ENVMGR_GITHUB_TOKEN", "ENVMGR_ALM_TOKEN"})
"""Variables that only requests use: a result for which one was needed is not recorded, and secrets are not stored."""

_HEAD_FIELDS = 3
_RESULT_FIELDS = 4
_TYPE_BITS, _DIRECTORY_BITS = 0o170000, 0o040000
_NAME_MODULUS = (1 << 127) - 1
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
    system = (__version__, sys.executable, sys.version, machine, user)
    return (*system, environment.cwd, *words, *sorted(_variables(environment.variables)))


def _variables(variables: Mapping[str, str]) -> Iterable[str]:
    for name, value in variables.items():
        if (name in VARIABLES or name.startswith(VARIABLE_PREFIXES)) and name not in SECRET_VARIABLES:
            yield f"{name}={_without_credentials(value)}"


def _without_credentials(value: str) -> str:
    """Return a value without the users and passwords in its URLs, which must not be stored."""
    if "@" not in value or "://" not in value:
        return value
    first, *parts = value.split("://")
    return "://".join([first, *map(_without_user, parts)])


def _without_user(location: str) -> str:
    authority, slash, remainder = location.partition("/")
    return authority.rpartition("@")[2] + slash + remainder


def find(paths: Paths, key: Sequence[str]) -> Result | None:
    """Return the recorded result of a command if each of its inputs is as it was."""
    fields = _read(_path_of(paths, key))
    if fields is None or not _has_key(fields, key):
        return None
    start = _HEAD_FIELDS + len(key)
    recorded_at, expires_at, output, notes = fields[start : start + _RESULT_FIELDS]
    if not _is_in_force(recorded_at, expires_at) or not _is_unchanged(fields[start + _RESULT_FIELDS :]):
        return None
    return Result(output, notes)


def _path_of(paths: Paths, key: Sequence[str]) -> str:
    """Return the file of a result; its name is a remainder of the key, as `hashlib` takes long to import."""
    number = int.from_bytes("\0".join(key).encode(errors="surrogateescape"), "big")
    return os.path.join(directory_of(paths), f"{number % _NAME_MODULUS:032x}")


def _read(path: str) -> list[str] | None:
    """Return the fields of a file, None if it is missing or damaged: their number must be right."""
    try:
        with open(path, "rb") as file:
            fields = file.read().decode(errors="surrogateescape").split("\0")
    except OSError:
        return None
    is_whole = len(fields) > _HEAD_FIELDS and fields[:2] == [FORMAT, str(len(fields))]
    return fields if is_whole else None


def _has_key(fields: list[str], key: Sequence[str]) -> bool:
    """Return whether fields are a result and whole pairs of inputs for a key."""
    is_for_key = fields[2] == str(len(key)) and fields[_HEAD_FIELDS : _HEAD_FIELDS + len(key)] == [*key]
    remaining_count = len(fields) - _HEAD_FIELDS - len(key)
    return is_for_key and remaining_count >= _RESULT_FIELDS and remaining_count % 2 == 0


def _is_in_force(recorded_at: str, expires_at: str) -> bool:
    """Return whether a result has not expired; one of the future was recorded by another clock."""
    try:
        return not expires_at or float(recorded_at) <= time.time() < float(expires_at)
    except ValueError:
        return False


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
    """Record a result; return whether that is possible.

    It is not if an input may have changed since the command has read it, or may change within one tick of its file
    system's clock.
    """
    pairs = _settled_pairs(inputs, validity.started_at_ns)
    if pairs is None:
        return False
    expires_at = "" if validity.expires_at is None else str(validity.expires_at)
    values = [*key, str(time.time()), expires_at, result.output, result.notes, *pairs]
    if any("\0" in value for value in values):
        return False
    fields = [FORMAT, str(_HEAD_FIELDS + len(values)), str(len(key)), *values]
    try:
        _write(_path_of(paths, key), "\0".join(fields).encode(errors="surrogateescape"))
        _remove_oldest(directory_of(paths))
    except (OSError, UnicodeEncodeError):  # it is only a cache
        return False
    return True


def _settled_pairs(inputs: Iterable[str], started_at_ns: int) -> list[str] | None:
    """Return the inputs with their stamps, None if one is not older than the start, or there are too many."""
    names = dict.fromkeys(inputs)
    if len(names) > MAX_INPUTS:
        return None
    pairs = []
    for name in names:
        stamp = _stamp(name)
        if not _is_older(stamp, started_at_ns):
            return None
        pairs += [name, stamp]
    return pairs


def _is_older(stamp: str, started_at_ns: int) -> bool:
    """Return whether a stamp is of a clock tick before the start: later changes then have another one."""
    if not stamp[0].isdigit():
        return True
    modified_ns, changed_ns = map(int, stamp.split(" ", 2)[:2])
    is_coarse = not (modified_ns % _SECOND_NS or changed_ns % _SECOND_NS)
    return max(modified_ns, changed_ns) < started_at_ns - (_COARSE_TICK_NS if is_coarse else _TICK_NS)


def _write(path: str, content: bytes) -> None:
    """Replace a file atomically; it is not flushed to the disk, as a damaged result is ignored."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    staged = f"{path}.{os.getpid()}.tmp"
    try:
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(staged, path)
    except OSError:
        _unlink(staged)
        raise


def _remove_oldest(directory: str) -> None:
    with os.scandir(directory) as entries:
        files = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
    for _, path in files[:-MAX_RESULTS]:
        _unlink(path)


def _unlink(path: str) -> None:
    try:  # noqa: SIM105 - contextlib costs start-up time
        os.unlink(path)
    except OSError:
        pass

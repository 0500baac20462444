"""Execution of programs: environment, PATH, signals and exit codes."""

from __future__ import annotations

import errno
import os
import sys

from envmgr.kit.errors import CannotRun, CommandNotFound, EnvmgrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

SHIM_MARK = "ENVMGR_SHIM"
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})


def restore_environment(variables: Mapping[str, str], started_with: bytes | None = None) -> dict[str, str]:
    """Return the environment without the changes of a shim or of Python.

    A shim records whether ENVMGR_HOME was set and the value of LC_CTYPE, since Python sets that itself in the C locale
    (https://peps.python.org/pep-0538/). Without a shim, `started_with` has the original: variables separated by NUL.
    """
    restored = dict(variables)
    restored.pop(f"{SHIM_MARK}_PROGRAM", None)  # of a batch file
    mark = restored.pop(SHIM_MARK, None)
    if mark is None:
        return _without_coercion(restored, _proc_environ() if started_with is None else started_with)
    home, _, locale = mark.partition(":")
    if not home:
        restored.pop("ENVMGR_HOME", None)
    if os.name != "nt":
        _restore_variable(restored, "LC_CTYPE", locale[1:] if locale else None)
    return restored


def _without_coercion(variables: dict[str, str], started_with: bytes) -> dict[str, str]:
    if started_with and variables.get("LC_CTYPE") in _COERCED:
        lines = (line.partition(b"=") for line in started_with.split(b"\0"))
        _restore_variable(
            variables, "LC_CTYPE", next((os.fsdecode(v) for n, _, v in lines if n == b"LC_CTYPE"), None)
        )
    return variables


def _restore_variable(variables: dict[str, str], name: str, value: str | None) -> None:
    if value is None:
        variables.pop(name, None)
    else:
        variables[name] = value


def _proc_environ() -> bytes:
    try:
        with open("/proc/self/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


def prepend_path(directories: Sequence[str], path: str) -> str:
    """Return a PATH with directories in front, without duplicates."""
    return os.pathsep.join([*dict.fromkeys(directories), *([path] if path else [])])


def ensure_path_prefix(directories: Sequence[str], path: str) -> str:
    """Return a PATH that starts with directories, unchanged if it does."""
    front = os.pathsep.join(dict.fromkeys(directories))
    has_prefix = not front or f"{path}{os.pathsep}".startswith(f"{front}{os.pathsep}")
    return path if has_prefix else prepend_path(directories, path)


def with_shims(shims: str, path: str) -> str:
    """Return a PATH with the shims, like shims do."""
    entries = {_comparable(entry) for entry in path.split(os.pathsep)}
    return path if _comparable(shims) in entries else prepend_path([shims], path)


def _comparable(directory: str) -> str:
    """Return a directory in the spelling that is the same for all of Windows; unchanged on other systems."""
    return os.path.normcase(directory).rstrip("\\") if os.sep == "\\" else directory


def exec_program(program: str, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Replace this process by a program; on Windows run it and return its exit code.

    Raise CannotRun or CommandNotFound.
    """
    try:
        return (
            _wait_for(program, arguments, variables)
            if os.name == "nt"
            else _exec(program, arguments, variables)
        )
    except OSError as error:
        raise _cannot(program, error) from None


def _exec(program: str, arguments: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    _default_signals()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(program, [program, *arguments], variables)  # noqa: S606 - the purpose of this function
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        # A script without `#!` runs in sh, as in shells.
        os.execve("/bin/sh", ["sh", program, *arguments], variables)  # noqa: S606 - the purpose of this function


def _default_signals() -> None:
    """Restore signals that Python ignores; programs would inherit that and miss SIGPIPE."""
    import signal

    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def _wait_for(program: str, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    import signal
    import subprocess

    from envmgr.kit.windows import command_line

    for name in ("SIGINT", "SIGBREAK"):  # Ctrl-C reaches the program too, and it decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    words = command_line.start_words(program, arguments, variables)
    result = subprocess.run(words, env=command_line.unique_variables(variables), check=False)  # noqa: S603 - the purpose of this function
    return command_line.signed_code(result.returncode)


def _cannot(program: str, error: OSError) -> EnvmgrError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.ENOENT and os.path.exists(program):
        return CommandNotFound(f"cannot run {program}: interpreter not found")
    kind = CommandNotFound if error.errno == errno.ENOENT else CannotRun
    return kind(f"cannot run {program}: {reason}")

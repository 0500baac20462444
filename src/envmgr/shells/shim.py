"""Shims: one script per command, which runs the version that the project requests.

Each is a template of `shims/` filled with the paths of this installation. Windows has others, too: `windows_shim`.
"""

from __future__ import annotations

import os

from envmgr.kit import data_files
from envmgr.kit.environment import python
from envmgr.kit.errors import StorageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import list_names, make_dir, read_text, storage_errors, temporary_name, write_atomic
from envmgr.shells import quoting
from envmgr.shells.shim_marker import is_shim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envmgr.kit.paths import Paths

_SHELL = "/bin/sh"
_TEMPORARY_ENDING = ".tmp"
BASH_PATHS = ("/bin/bash", "/usr/bin/bash")
START = "import sys; sys.path.append(sys.argv.pop(1)); from envmgr.cli.main import main; sys.exit(main())"


@frozen
class ShimContext:
    """Values shared by all shims of an installation.

    `home` is the ENVMGR_HOME of the same directories, empty if they have no common root. `site` is the
    directory that `python` imports envmgr from. `shell` is the interpreter of the POSIX script, with its option.
    """

    home: str
    plans: str
    shims: str
    python: str
    site: str
    shell: str = _SHELL


@frozen
class Difference:
    """Difference between a directory and its expected shims; `foreign` are other programs' files."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    foreign: tuple[str, ...]


def shim_context(paths: Paths) -> ShimContext:
    """Return the values that this envmgr writes to shims."""
    site = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return ShimContext(paths.root, paths.plans, paths.shims, python(), site, _interpreter())


def _interpreter() -> str:
    """Return the shell for shims: bash, which preserves all variables; `-p` ignores BASH_ENV."""
    bash = next((path for path in BASH_PATHS if os.access(path, os.X_OK)), None)
    return f"{bash} -p" if bash else _SHELL


def files(context: ShimContext, commands: Iterable[str]) -> dict[str, bytes]:
    """Return the content of each script by file name; on Windows it is for Git Bash."""
    text = read_template("posix.sh").replace(f"#!{_SHELL}\n", f"#!{context.shell}\n", 1)
    return {command: os.fsencode(fill(text, context, quoting.posix, COMMAND=command)) for command in commands}


def read_template(name: str) -> str:
    """Return the text of a template."""
    return read_text(os.path.join(data_files.directory("shims"), name)) or ""


def fill(template: str, context: ShimContext, quote: Callable[[str], str], **others: str) -> str:
    """Return a template with its markers (`@HOME@`) replaced by quoted values; markers in a value stay."""
    import re

    names = ("home", "plans", "shims", "python", "site")
    values = {**{name.upper(): getattr(context, name) for name in names}, "START": START, **others}
    pieces = re.split(r"@([A-Z]+)@", template)
    return "".join(quote(values[piece]) if index % 2 else piece for index, piece in enumerate(pieces))


def compare(directory: str, expected: Mapping[str, bytes]) -> Difference:
    """Return the difference between a directory and its expected shims."""
    present = {os.path.normcase(name): name for name in entries(directory)}
    expected_keys = {os.path.normcase(name) for name in expected}
    foreign = {
        name
        for name in expected
        if os.path.normcase(name) in present and not is_shim(os.path.join(directory, name))
    }
    missing = [
        name for name in expected if name not in foreign and not _is_current(directory, name, expected[name])
    ]
    stale = [
        name for key, name in present.items() if key not in expected_keys and _is_orphaned(directory, name)
    ]
    return Difference(tuple(sorted(missing)), tuple(sorted(stale)), tuple(sorted(foreign)))


def rewrite(directory: str, expected: Mapping[str, bytes]) -> Difference:
    """Update the shims of a directory and return the difference; other programs' files are unchanged.

    An unchanged shim exists at every moment. Callers hold the lock under which they resolved the commands.
    """
    make_dir(directory)
    difference = compare(directory, expected)
    for name in difference.missing:
        _write(os.path.join(directory, name), expected[name])
    with storage_errors(directory):
        for name in difference.stale:
            _delete(os.path.join(directory, name))
    return difference


def _write(path: str, content: bytes) -> None:
    try:
        write_atomic(path, content, 0o755)
    except StorageError as error:
        if not _is_running(path, error.__cause__):
            raise
        from envmgr.kit.windows.running_programs import moved_aside

        with storage_errors(path), moved_aside(path):
            write_atomic(path, content, 0o755)


def _delete(path: str) -> None:
    """Delete a shim; move one that runs aside, to be deleted later."""
    try:
        os.unlink(path)
    except PermissionError as error:
        if path.endswith(_TEMPORARY_ENDING) and os.name == "nt":
            return
        if not _is_running(path, error):
            raise
        os.rename(path, temporary_name(path))


def _is_running(path: str, error: BaseException | None) -> bool:
    """Return whether an error is that Windows does not replace or delete the file of a running program."""
    return isinstance(error, PermissionError) and path.endswith(".exe") and os.path.isfile(path)


def entries(directory: str) -> set[str]:
    """Return the names of the files in the directory of shims."""
    return set(list_names(directory))


def _is_current(directory: str, name: str, content: bytes) -> bool:
    path = os.path.join(directory, name)
    try:
        with open(path, "rb") as file:
            return file.read() == content and os.access(path, os.X_OK)
    except OSError:
        return False


def _is_orphaned(directory: str, name: str) -> bool:
    """Return whether a file is a shim, or a leftover of a killed write."""
    path = os.path.join(directory, name)
    if name.startswith(".") and name.endswith(_TEMPORARY_ENDING):
        return os.path.isfile(path)
    return is_shim(path)

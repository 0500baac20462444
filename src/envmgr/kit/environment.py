"""Process environment: variables, working directory, terminals; only this module reads them."""

from __future__ import annotations

import os
import sys

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Environment:
    """A snapshot of the environment variables and the working directory, None if it was removed."""

    variables: Mapping[str, str]
    directory: str | None

    @property
    def cwd(self) -> str:
        """Return the working directory; raise WorkingDirectoryMissing if it was removed."""
        if self.directory is None:
            from envmgr.kit.errors import WorkingDirectoryMissing

            raise WorkingDirectoryMissing(
                "the working directory was removed", "change to another directory, or use `-C DIR`"
            )
        return self.directory

    def get(self, name: str, default: str = "") -> str:
        """Return a variable's value, or the default if it is unset or empty."""
        return self.variables.get(name) or default

    @property
    def home(self) -> str:
        """Return the user's home directory."""
        return self.get("USERPROFILE" if sys.platform == "win32" else "HOME") or os.path.expanduser("~")

    def expand(self, path: str) -> str:
        """Return the path with a leading `~` replaced by the home directory; `~other` is unchanged."""
        head, separator, subpath = path.partition("/")
        return f"{self.home}{separator}{subpath}" if head == "~" else path

    def override(self, tool: str) -> str | None:
        """Return the version in ENVMGR_<TOOL>_VERSION, if set."""
        return self.get(override_variable(tool)) or None


def override_variable(tool: str) -> str:
    """Return the name of a tool's override variable: upper case, other characters as underscores."""
    return "ENVMGR_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in tool).upper() + "_VERSION"


def is_overridden(variables: Mapping[str, str]) -> bool:
    """Return whether any of the variables sets a tool's version."""
    return any(value for name, value in variables.items() if name.endswith("_VERSION"))


def current(cwd: str | None = None) -> Environment:
    """Return a snapshot of the environment; `cwd` replaces the working directory."""
    here = logical_cwd(os.environ.get("PWD", ""))
    return Environment(dict(os.environ), _join(here, cwd) if cwd else here)


def variable(name: str, default: str = "") -> str:
    """Return a variable's value without a snapshot of all, or the default if it is unset or empty."""
    return os.environ.get(name) or default


def _join(here: str | None, cwd: str) -> str | None:
    is_known = here is not None or os.path.isabs(cwd)
    return os.path.normpath(os.path.join(here or os.sep, cwd)) if is_known else None


def logical_cwd(claimed: str) -> str | None:
    """Return the working directory, from PWD (with symbolic links) if correct; None if it was removed."""
    actual = _physical_cwd()
    if actual is None:
        return None
    if os.path.isabs(claimed) and os.path.normpath(claimed) == claimed and _is_same(claimed, actual):
        return claimed
    return actual


def _physical_cwd() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # the directory was removed; shells continue in it too
        return None


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def is_terminal(stream: int) -> bool:
    """Return whether a file descriptor is a terminal."""
    try:
        return os.isatty(stream)
    except OSError:
        return False


def can_prompt() -> bool:
    """Return whether a user can answer a question: at a terminal, and not in CI."""
    return is_terminal(0) and is_terminal(2) and not os.environ.get("CI")


def python() -> str:
    """Return the path of the Python interpreter."""
    return sys.executable

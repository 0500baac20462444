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
    """A snapshot of the environment variables and the directory a command runs in."""

    variables: Mapping[str, str]
    cwd: str

    def get(self, name: str, default: str = "") -> str:
        """Return a variable's value, or the default if it is unset or empty."""
        return self.variables.get(name) or default

    @property
    def home(self) -> str:
        """Return the user's home directory."""
        return self.get("USERPROFILE" if sys.platform == "win32" else "HOME") or os.path.expanduser("~")

    def expand(self, path: str) -> str:
        """Return the path with a leading `~` replaced by the home directory; `~other` is unchanged."""
        head, separator, rest = path.partition("/")
        return f"{self.home}{separator}{rest}" if head == "~" else path

    def override(self, tool: str) -> str | None:
        """Return the version in ENVMGR_<TOOL>_VERSION, if set."""
        return self.get(override_variable(tool)) or None


def override_variable(tool: str) -> str:
    """Return the name of a tool's override variable: upper case, other characters as underscores."""
    return "ENVMGR_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in tool).upper() + "_VERSION"


def current(cwd: str | None = None) -> Environment:
    """Return a snapshot of the environment; `cwd` replaces the working directory."""
    here = logical_cwd(os.environ.get("PWD", ""))
    return Environment(dict(os.environ), os.path.normpath(os.path.join(here, cwd)) if cwd else here)


def logical_cwd(claimed: str) -> str:
    """Return the working directory from PWD (keeping symbolic links) if it is correct."""
    actual = _physical_cwd()
    if os.path.isabs(claimed) and os.path.normpath(claimed) == claimed and _is_same(claimed, actual):
        return claimed
    return actual


def _physical_cwd() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # the directory was removed; shells continue in it too
        return os.sep


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


def python() -> str:
    """Return the path of the Python interpreter."""
    return sys.executable

"""The code that a shell's start file evaluates."""

from __future__ import annotations

import os

from envmgr.kit import data_files
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text
from envmgr.shells import shim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.paths import Paths
    from envmgr.shells.activation.activation_shell import ActivationShell


@frozen
class ScriptValues:
    """Values of an installation that its activation scripts contain.

    `home` is the ENVMGR_HOME of the same directories, empty if they have no common root. `python` starts envmgr with
    the code `start`, which imports it from `site`.
    """

    home: str
    plans: str
    python: str
    site: str
    start: str


def values_of(paths: Paths) -> ScriptValues:
    """Return the values of this installation."""
    values = shim.shim_context(paths)
    return ScriptValues(values.home, values.plans, values.python, values.site, shim.START)


def render_script(shell: ActivationShell, values: ScriptValues) -> str:
    """Return the activation script of a shell."""
    names = ("home", "plans", "python", "site", "start")
    by_marker = {f"@{name.upper()}@": shell.quote(getattr(values, name)) for name in names}
    by_marker["@SHELL@"] = shell.name
    return "".join(_fill(_template(name), by_marker) for name in shell.templates)


def _template(name: str) -> str:
    return read_text(os.path.join(data_files.directory("shims"), name)) or ""


def _fill(text: str, by_marker: Mapping[str, str]) -> str:
    """Return a template with its markers replaced; markers inside a value stay."""
    if not by_marker:
        return text
    marker, *others = by_marker
    remaining = {name: by_marker[name] for name in others}
    return by_marker[marker].join(_fill(piece, remaining) for piece in text.split(marker))

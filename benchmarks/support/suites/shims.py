"""Shims compared with running the program directly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from report.rows import ASDF, DIRECT, ENVMGR, MISE, PYENV, SH
from support.interleaving import Command, measure
from support.suites.setting import install_tools
from support.tiny_tools import write_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from report.results import Samples
    from support.suites.setting import Installations, Setting

ROWS = ("shim", "shim-six-up", "shim-300")
FEW, MANY = 4, 300
PROGRAM = "tool0"
PROGRAMS = {PYENV: "python"}
"""Programs of peers that have only one tool."""


def measure_rows(setting: Setting, names: Collection[str]) -> dict[str, Samples]:
    """Return the samples of the named rows."""
    samples: dict[str, Samples] = {}
    close_rows = [name for name in ROWS[:2] if name in names]
    if close_rows:
        with install_tools(setting, (FEW,), (MISE, ASDF, PYENV)) as installations:
            for name in close_rows:
                below = "a/b/c/d/e/f" if name == "shim-six-up" else ""
                samples[name] = _measure(setting, installations, FEW, below)
    if "shim-300" in names:
        with install_tools(setting, (MANY,), (MISE,)) as installations:
            samples["shim-300"] = _measure(setting, installations, MANY, "")
    return samples


def _measure(setting: Setting, installations: Installations, count: int, below: str) -> Samples:
    directories = {name: _directory(installations, name, count, below) for name in installations.setups}
    directory = directories[ENVMGR]
    program = os.path.realpath(installations.source.program)
    script = os.path.join(installations.root, "script")
    write_text(script, f'#!/bin/sh\nexec {program} "$@"\n', 0o755)
    environment = installations.setups[ENVMGR].environment
    commands = {
        DIRECT: Command([program], directory, environment),
        SH: Command([script], directory, environment),
    }
    for name, setup in installations.setups.items():
        shim = os.path.join(setup.shims, PROGRAMS.get(name, PROGRAM))
        commands[name] = Command([shim], directories[name], setup.environment)
    return measure(commands, setting.plan(400, 6), (DIRECT, SH, ENVMGR))


def _directory(installations: Installations, name: str, count: int, below: str) -> str:
    directory = os.path.normpath(os.path.join(installations.project(name, count), below))
    os.makedirs(directory, exist_ok=True)
    return directory

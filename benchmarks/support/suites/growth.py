"""Commands in a project of many tools compared with the same in one of four."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from report.rows import ENVMGR, FOUR_TOOLS, HALF, MISE
from support.interleaving import Command, measure
from support.suites.setting import install_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from report.results import Samples
    from support.suites.setting import Installations, Setting

FEW, MIDDLE, MANY = 4, 150, 300
ARGS = {
    "current-300": {ENVMGR: "current", MISE: "current"},
    "which-300": {ENVMGR: "which tool0", MISE: "which tool0"},
    "exec-300": {ENVMGR: "exec -- tool0", MISE: "exec -- tool0"},
    "linear": {ENVMGR: "current", MISE: "current"},
}
COLD_SHIM = "cold-shim-300"
ROWS = (*ARGS, COLD_SHIM)
OTHERS = {"linear": (HALF, MIDDLE)}
"""The way that a row compares with, and its number of tools, where these are not four."""


def measure_rows(setting: Setting, names: Collection[str]) -> dict[str, Samples]:
    """Return the samples of the named rows."""
    with install_tools(setting, (FEW, MIDDLE, MANY), (MISE,)) as installations:
        return {name: _measure(setting, installations, name) for name in ROWS if name in names}


def _measure(setting: Setting, installations: Installations, row: str) -> Samples:
    other, count = OTHERS.get(row, (FOUR_TOOLS, FEW))
    commands = {
        way: _command(installations, row, name, tools)
        for name in installations.setups
        for way, tools in ((name, MANY), (other.format(name), count))
    }
    return measure(commands, setting.plan(25, 6), (ENVMGR, other.format(ENVMGR)))


def _command(installations: Installations, row: str, name: str, count: int) -> Command:
    setup, directory = installations.setups[name], installations.project(name, count)
    if row in ARGS:
        return Command([setup.program, *ARGS[row][name].split()], directory, setup.environment)
    return Command(
        [os.path.join(setup.shims, "tool0")],
        directory,
        setup.environment,
        _remover(setup.environment["ENVMGR_HOME"]) if name == ENVMGR else None,
    )


def _remover(home: str) -> Callable[[], None]:
    """Return a function that removes all plans."""
    return lambda: shutil.rmtree(os.path.join(home, "plans"), ignore_errors=True)

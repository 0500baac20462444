"""Commands that people type all day compared with bare Python, in a project of four tools."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from report.rows import ASDF, ENVMGR, MISE, PYENV, PYTHON
from support.interleaving import Command, measure
from support.suites.setting import install_tools

if TYPE_CHECKING:
    from collections.abc import Collection

    from report.results import Samples
    from support.suites.setting import Installations, Setting

_COUNT = 4
COMMANDS: dict[str, dict[str, str]] = {
    "current": {ENVMGR: "current", MISE: "current", ASDF: "current", PYENV: "version"},
    "which": {ENVMGR: "which tool0", MISE: "which tool0", ASDF: "which tool0", PYENV: "which python"},
    "where": {ENVMGR: "where tool0", MISE: "where http:tool0", ASDF: "where tool0", PYENV: "prefix"},
    "list": {ENVMGR: "list", MISE: "ls", ASDF: "list", PYENV: "versions"},
    "env": {ENVMGR: "env", MISE: "env"},
    "install-idle": {ENVMGR: "install", MISE: "install", ASDF: "install"},
    "install-locked": {ENVMGR: "install --locked"},
    "install-pulled": {ENVMGR: "install --locked"},
    "help": {ENVMGR: "--help", MISE: "--help", ASDF: "help", PYENV: "help"},
    "lock-check": {ENVMGR: "lock --check"},
    "list-remote": {
        ENVMGR: "list --remote tool0",
        MISE: "ls-remote http:tool0",
        ASDF: "list all tool0",
    },
    "latest": {ENVMGR: "latest tool0", MISE: "latest http:tool0", ASDF: "latest tool0"},
}
"""Arguments of each row's command, by program. asdf's list is printed by its plugin, which has it in itself."""
ROWS = tuple(COMMANDS)


def measure_rows(setting: Setting, names: Collection[str]) -> dict[str, Samples]:
    """Return the samples of the named rows."""
    with install_tools(setting, (_COUNT,), (MISE, ASDF, PYENV)) as installations:
        return {name: _measure(setting, installations, name) for name in ROWS if name in names}


def _measure(setting: Setting, installations: Installations, row: str) -> Samples:
    directory = installations.project(ENVMGR, _COUNT)
    environment = installations.setups[ENVMGR].environment
    commands = {PYTHON: Command([setting.client.python, "-c", "pass"], directory, environment)}
    for name, setup in installations.setups.items():
        if name in COMMANDS[row]:
            args = [setup.program, *COMMANDS[row][name].split()]
            commands[name] = Command(args, installations.project(name, _COUNT), setup.environment)
    if row == "install-pulled":
        lock = os.path.join(directory, ".envmgr.lock")
        commands[ENVMGR] = commands[ENVMGR]._replace(prepare=lambda: _rewrite(lock))
    return measure(commands, setting.plan(41, 6), (PYTHON, ENVMGR))


def _rewrite(path: str) -> None:
    """Replace a file by one with the same text, as a checkout of another commit does."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)

"""Client commands of a server that responds, compared with bare Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

from report.rows import CURL, ENVMGR, PYTHON
from support.interleaving import Command, measure
from support.peers.environments import base_environment
from support.suites.setting import install_tools

from support.alm import Server, serve

if TYPE_CHECKING:
    from collections.abc import Collection

    from report.results import Samples
    from support.suites.setting import Setting

_COUNT = 4
COMMANDS = {"alm-status": ("alm", "status"), "alm-whoami": ("alm", "whoami"), "alm-push": ("alm", "push")}
PATHS = {"alm-status": "/matrix", "alm-whoami": "/auth/me"}
"""Requests of `curl` that get the same data."""
ROWS = tuple(COMMANDS)


def measure_rows(setting: Setting, names: Collection[str]) -> dict[str, Samples]:
    """Return the samples of the named rows."""
    with (
        tempfile.TemporaryDirectory() as root,
        install_tools(setting, (_COUNT,), ()) as installations,
        serve(_data(root)) as server,
    ):
        project = installations.project(ENVMGR, _COUNT)
        environment = {
            **installations.setups[ENVMGR].environment,
            "ENVMGR_ALM_URL": f"http://127.0.0.1:{server.port}",
            "ENVMGR_ALM_TOKEN": server.token,
        }
        _register(setting.client.program, project, environment)
        return {name: _measure(setting, name, project, environment, server) for name in ROWS if name in names}


def _data(root: str) -> str:
    path = os.path.join(root, "alm")
    os.mkdir(path)
    return path


def _register(program: str, project: str, environment: dict[str, str]) -> None:
    """Commit and tag the project, register its version, and deploy it."""
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "."],
        ["git", *identity, "commit", "-qm", "Start"],
        ["git", "tag", "1.0"],
        [program, "alm", "push", "--app", "shop"],
        [program, "alm", "deploy", "shop@1.0", "--env", "prod", "--status", "successful"],
    ):
        variables = environment if command[0] == program else base_environment(project)
        subprocess.run(command, cwd=project, env=variables, check=True, capture_output=True)


def _measure(
    setting: Setting, row: str, project: str, environment: dict[str, str], server: Server
) -> Samples:
    args = [*COMMANDS[row], *(("--app", "shop") if row == "alm-push" else ())]
    commands = {
        PYTHON: Command([setting.client.python, "-c", "pass"], project, environment),
        ENVMGR: Command([setting.client.program, *args], project, environment),
    }
    curl = shutil.which("curl")
    if curl and row in PATHS:
        header = f"Authorization: Bearer {server.token}"
        url = f"http://127.0.0.1:{server.port}{PATHS[row]}"
        commands[CURL] = Command([curl, "-sSf", "-H", header, url], project, environment)
    return measure(commands, setting.plan(31, 10), (PYTHON, ENVMGR))

"""Parameters of suites, and version managers with the same tools."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from report.rows import ASDF, ENVMGR, MISE, PYENV
from support.interleaving import Plan
from support.peers.asdf import prepare_asdf
from support.peers.envmgr import prepare_envmgr
from support.peers.mise import prepare_mise
from support.peers.pyenv import prepare_pyenv
from support.tiny_tools import Project, serve_tools, tool_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.client import Client
    from support.peers.discovery import Peers
    from support.peers.environments import Setup
    from support.tiny_tools import ToolSource

_PREPARERS = {MISE: prepare_mise, ASDF: prepare_asdf, PYENV: prepare_pyenv}


class Setting(NamedTuple):
    """The client, peers, directory in which archives are unpacked, and share of the rounds to run."""

    client: Client
    peers: Peers
    directory: str
    effort: float

    def plan(self, rounds: int, seconds: float) -> Plan:
        """Return a plan, reduced for a quick run."""
        return Plan(max(3, round(rounds * self.effort)), max(0.5, seconds * self.effort))

    def rounds(self, count: int) -> int:
        """Return a number of rounds, reduced for a quick run."""
        return max(1, round(count * self.effort))


class Installations(NamedTuple):
    """Version managers with the same tools.

    Each has projects of its own, as some read the files of others.
    """

    root: str
    source: ToolSource
    setups: Mapping[str, Setup]

    def project(self, name: str, count: int) -> str:
        """Return the directory of a version manager's project with that many tools."""
        return _project(self.root, name, count)


def _project(root: str, name: str, count: int) -> str:
    return os.path.join(root, "projects", name, str(count))


@contextlib.contextmanager
def install_tools(
    setting: Setting, counts: tuple[int, ...], names: tuple[str, ...]
) -> Iterator[Installations]:
    """Install tools with envmgr and the named peers, in projects with these numbers of tools."""
    with tempfile.TemporaryDirectory() as root, serve_tools(root, max(counts)) as source:
        projects = {
            name: [Project(_project(root, name, count), tool_names(count)) for count in counts]
            for name in (ENVMGR, *names)
        }
        setups = {ENVMGR: prepare_envmgr(setting.client.program, root, source, projects[ENVMGR])}
        for name in names:
            if name in setting.peers.programs:
                setups |= _prepare_peer(name, setting.peers.programs[name], root, source, projects[name])
        yield Installations(root, source, setups)


def _prepare_peer(
    name: str, program: str, root: str, source: ToolSource, projects: list[Project]
) -> dict[str, Setup]:
    """Return the setup of a peer; nothing, with a warning, if its own commands fail."""
    try:
        return {name: _PREPARERS[name](program, root, source, projects)}
    except subprocess.CalledProcessError as error:
        output = (error.stderr or b"").decode(errors="replace").strip()
        print(f"warning: {name} left out: {' '.join(error.cmd)}: {output}", file=sys.stderr)
        return {}

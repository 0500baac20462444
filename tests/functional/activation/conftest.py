"""Fixtures of the tests of activation: installed tools, and sessions of real shells at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envmgr.ops import activation
from support.machine.installed_tools import Toolbox
from support.machine.shell_session import DIALECTS, ShellSession, write_script
from support.machine.shells import find_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLOW_SHELLS = ("xonsh",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test with a `shell` in every shell, unless it names its shells.

    Only tests marked `essential` run in shells that take long to start.
    """
    marks = metafunc.definition.iter_markers("parametrize")
    if "shell" in metafunc.fixturenames and not any("shell" in mark.args[0] for mark in marks):
        is_essential = metafunc.definition.get_closest_marker("essential")
        shells = [name for name in DIALECTS if is_essential or name not in SLOW_SHELLS]
        metafunc.parametrize("shell", shells)


@pytest.fixture
def box(tmp_path: Path) -> Toolbox:
    """Return two versions of a tool with a variable, and another tool; `project` and `other` request both."""
    box = Toolbox(tmp_path / "a machine's root $x")
    for version in ("18.2.0", "20.1.0"):
        box.install("nodejs", version, ["node"], env={"NODE_HOME": "{home}"})
    box.install("uv", "0.8.0", ["uv"])
    box.request("nodejs=20\nuv=0.8\n")
    box.request("nodejs=18\nuv=0.8\n", box.directory / "other")
    return box


@pytest.fixture
def front(box: Toolbox) -> Callable[..., str]:
    """Return a function that returns what a version of `nodejs`, and `uv`, add to PATH."""

    def join_dirs(version: str = "20.1.0") -> str:
        tools = (("nodejs", version), ("uv", "0.8.0"))
        return ":".join(f"{box.paths.install(*tool)}/bin" for tool in tools)

    return join_dirs


@pytest.fixture
def start(box: Toolbox, shell: str, tmp_path: Path) -> Iterator[Callable[..., ShellSession]]:
    """Return a function that starts an activated shell in the directory above the projects."""
    dialect = DIALECTS[shell]
    if not find_shell(shell):
        pytest.skip(f"{shell} is not installed")
    sessions = []

    def start_session(
        *lines: str, before: tuple[str, ...] = (), warm: bool = True, **variables: str
    ) -> ShellSession:
        if warm:
            write_plans(box, shell, **variables)
        session = ShellSession(dialect, box.directory, {**environment(box), **variables}, tmp_path)
        sessions.append(session)
        session.start(*before, dialect.source(write_script(box, shell)), *lines)
        box.slow_runs()
        return session

    yield start_session
    for session in sessions:
        session.close()


def environment(box: Toolbox) -> dict[str, str]:
    """Return the variables of a session, without the shims."""
    return {**box.variables, "PATH": "/usr/bin:/bin", "TERM": "dumb", "LANG": "C.UTF-8"}


def write_plans(box: Toolbox, shell: str, **variables: str) -> None:
    """Write the plans of the projects, and of the directory above them, as shells would."""
    for directory in (box.directory, box.project, box.directory / "other"):
        context = box.context(directory, **variables)
        activation.plan_directory(context, activation.shell_named(shell))

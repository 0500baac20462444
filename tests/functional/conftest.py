"""Fixtures of the functional tests: a sandbox, and tools on a local server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.machine.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from support.http.fault_server import Server


@pytest.fixture
def sandbox(tmp_path: Path, server: Server) -> Sandbox:
    """Return a user's machine without any tool."""
    return Sandbox(tmp_path / "a machine's root $x", server)


@pytest.fixture
def two_tools(sandbox: Sandbox) -> Sandbox:
    """Return a user's machine with a project that requests two tools of the server."""
    sandbox.publish("alpha", commands=("alpha", "alpha-helper"))
    sandbox.publish("beta", ("0.9.0", "1.2.0", "1.3.0-rc.1"))
    sandbox.write("alpha=^1.0", "beta=latest  # the newest")
    return sandbox

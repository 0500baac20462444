"""Fixtures of the functional tests of `envmgr alm`: a machine, a project under git, and a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.alm.fake_alm_server import LOCK, FakeAlmServer
from support.alm.git_repository import QUIET, repository
from support.alm.seeded_server import World
from support.machine.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.http.fault_server import Server
    from support.http.scripted_server import Scripted


@pytest.fixture
def machine(tmp_path: Path, server: Server) -> Sandbox:
    """Return a user's machine whose project is a git repository with a lock."""
    sandbox = Sandbox(tmp_path / "a machine's root $x", server)
    sandbox.variables |= {**QUIET, "ENVMGR_HTTP_RETRIES": "0"}
    sandbox.write("alpha=^1.0")
    (sandbox.project / ".envmgr.lock").write_text(LOCK)
    repository(sandbox.project)
    return sandbox


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a real server with apps and deployments, shared by the tests of a file."""
    world = World(tmp_path_factory.mktemp("world"))
    try:
        yield world.start()
    finally:
        world.daemon.end()


@pytest.fixture
def signed_in(world: World, tmp_path: Path, server: Server) -> Sandbox:
    """Return a machine whose user is signed in to that server."""
    return world.machine(tmp_path, server)


@pytest.fixture
def fake_server() -> FakeAlmServer:
    """Return a fake ALM server, for inspection and faults."""
    return FakeAlmServer()


@pytest.fixture
def alm(fake_server: FakeAlmServer) -> Iterator[Scripted]:
    """Yield the running fake server."""
    with fake_server.run() as running:
        yield running

"""Fixtures of the integrations: a project that locks a package, and pip without an index."""

from __future__ import annotations

import sysconfig
from typing import TYPE_CHECKING

import pytest

from support.http.fault_server import Server
from support.machine.sandbox import Sandbox
from support.registries.documented_packages import publish_ruff

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Yield a machine with a project that locks a tool; ENVMGR_HOME is unset."""
    with Server() as server:
        sandbox = Sandbox(tmp_path_factory.mktemp("machine") / "a runner's root", server)
        sandbox.variables |= publish_ruff(server, "0.14.14") | pip_without_dependencies()
        sandbox.write("pypi:ruff=^0.14")
        sandbox.ok("lock")
        yield sandbox


def pip_without_dependencies() -> dict[str, str]:
    """Return the variables by which pip installs envmgr alone; its dependencies are those of the tests."""
    return {
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_COMPILE": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }

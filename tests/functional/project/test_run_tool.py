"""`envmgr x`: installs what is missing, runs it, and leaves the project as it is."""

from __future__ import annotations

import pytest

from support.http.fault_server import Server
from support.machine.sandbox import Sandbox


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """Yield a machine whose project requests and locks alpha 1, with nothing installed."""
    with Server() as server:
        box = Sandbox(tmp_path_factory.mktemp("x") / "root", server)
        box.publish("alpha")
        box.publish("beta", ("0.9.0",), commands=("beta", "fail"))
        box.publish("gamma", ("3.0.0",))
        box.add_manifest({**box.manifest("gamma", ("gamma",)), "requires": ["beta"]})
        box.write("alpha=^1.0")
        box.ok("lock")
        yield box


def test_required_tools_are_installed_and_on_path(box):
    assert box.ok("x", "gamma@3", "--", "sh", "-c", "gamma && beta").out == "gamma 3.0.0\nbeta 0.9.0\n"


def test_missing_tools_are_installed_and_run_without_changing_the_project(box):
    before = {file.name: file.read_bytes() for file in box.project.iterdir()}
    result = box.ok("x", "alpha@2", "-q", "--json", "x")
    assert result.out == "alpha 2.0.0 <-q> <--json> <x>\n"
    assert box.ok("x", "beta", "alpha", "--", "alpha").out == "alpha 1.1.0\n"  # the locked version
    assert {file.name: file.read_bytes() for file in box.project.iterdir()} == before
    assert box.ok("x", "--offline", "alpha@2", "--", "sh", "-c", "alpha; exit 0").out == "alpha 2.0.0\n"
    assert box.run("x", "alpha@2", "--", "sh", "-c", "exit 42").code == 42
    assert box.ok("x", "alpha@latest").out == "alpha 2.0.0\n"


def test_a_version_that_does_not_exist_fails_without_running(box):
    result = box.run("x", "alpha@9")
    assert (result.code, result.out) == (1, "")
    assert "no version of alpha matches 9" in result.err


@pytest.mark.parametrize(
    ("words", "error"),
    [(("x",), "missing tool"), (("x", "--frob"), "--frob"), (("x", "a", "--"), "missing command")],
)
def test_an_incomplete_command_line_is_a_usage_error(box, words, error):
    result = box.run(*words)
    assert result.code == 2
    assert error in result.err

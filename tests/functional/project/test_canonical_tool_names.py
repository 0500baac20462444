"""Projects use canonical tool names; aliases are for the command line."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def box(sandbox):
    sandbox.publish("gamma", ("1.0.0", "2.0.0"))
    sandbox.add_manifest({**sandbox.manifest("gamma", ("gamma",)), "aliases": ["gam", "g"]})
    return sandbox


def refusal(box, line, other, spec):
    return f"{box.project}/.envmgr:{line}: {other} is an alias; use gamma={spec}"


@pytest.mark.parametrize("command", [["install"], ["lock"], ["lock", "--check"], ["install", "--locked"]])
def test_all_lines_with_an_alias_are_rejected_at_once(box, command):
    box.write("g=1.0.0", "", "gam=^1, 2")
    (box.project / ".envmgr.lock").write_text('{"lockfile": 1, "resolved": {}, "tools": {}}\n')
    result = box.run(*command)
    assert result.code == 1
    assert refusal(box, 1, "g", "1.0.0") in result.err
    assert refusal(box, 3, "gam", "^1, 2") in result.err
    assert not (box.home / "installs").exists()


def test_external_versions_require_the_canonical_name(box):
    box.write("g=system")
    assert refusal(box, 1, "g", "system") in box.run("install").err


@pytest.mark.parametrize("arguments", ["gamma", "g"])
def test_use_writes_one_line_per_tool(box, arguments):
    box.write("g=1.0.0")
    result = box.run("use", arguments, "2.0.0")
    assert (result.code, refusal(box, 1, "g", "1.0.0") in result.err) == (1, True)
    assert (box.project / ".envmgr").read_text() == "g=1.0.0\n"
    assert not (box.home / "installs").exists()


def test_the_command_line_accepts_aliases_and_writes_the_canonical_name(box):
    box.ok("use", "g", "1.0.0")
    assert (box.project / ".envmgr").read_text() == "gamma=1.0.0\n"
    box.ok("install", "gam@2.0.0")
    assert os.listdir(box.home / "installs") == ["gamma"]


def test_a_shim_that_installs_missing_tools_rejects_an_alias(box):
    box.ok("install", "gamma@1.0.0")
    box.write("g=2.0.0")
    result = box.command(["gamma"], env={"ENVMGR_AUTO_INSTALL": "always"})
    assert result.code != 0
    assert os.listdir(box.home / "installs") == ["gamma"]
    assert os.listdir(box.home / "installs/gamma") == ["1.0.0"]


def test_a_tool_may_have_the_alias_of_another_as_its_name(box):
    box.publish("g", ("3.0.0",))
    box.write("g=3.0.0")
    box.ok("install")
    assert box.command(["g"]).out == "g 3.0.0\n"

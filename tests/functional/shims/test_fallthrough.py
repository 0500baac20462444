"""A shim without a request for its tool runs the next program on PATH."""

from __future__ import annotations

import os

import pytest

from support.machine.installed_tools import Toolbox, program
from support.machine.sandbox import ENVMGR

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs POSIX shells")


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    toolbox.install("nodejs", "20.1.0", ["node"])
    toolbox.install("extra", "1.0.0", ["zig"])
    (tmp_path / "system").mkdir()
    for name in ("node", "zig"):
        program(tmp_path / "system" / name, '#!/bin/sh\necho system "$@"\n')
    toolbox.variables["PATH"] = f"{toolbox.paths.shims}:{tmp_path}/system:/usr/bin:/bin"
    del toolbox.variables["ENVMGR_FALLTHROUGH"]
    toolbox.reshim()
    toolbox.wait_for_clock()
    return toolbox


def test_the_next_program_on_path_runs_with_a_plan(box):
    result = box.run(box.shim("node"), "a b")
    assert (result.returncode, result.stdout, result.stderr) == (0, "system a b\n", "")
    assert box.is_fast("node")


def test_a_dotfile_of_another_tool_does_not_stop_it(box):
    box.request("python=3.12\n")
    assert box.run(box.shim("node")).stdout == "system\n"


def test_a_requested_version_that_is_missing_is_an_error(box):
    box.request("nodejs=22.0.0\n")
    result = box.run(box.shim("node"))
    assert (result.returncode, result.stdout) == (127, "")
    assert "nodejs 22.0.0 is not installed" in result.stderr


def test_the_first_version_of_a_requested_tool_is_required(box):
    box.request("zig=0.12.0\n")  # its command has a shim because of another tool
    result = box.run(box.shim("zig"))
    assert (result.returncode, result.stdout) == (127, "")
    assert "zig 0.12.0 is not installed" in result.stderr


def test_a_package_requires_its_version_by_its_short_name(box):
    box.request("npm:zig=1.0.0\n")  # its command has a shim because of another tool
    result = box.run(box.shim("zig"))
    assert (result.returncode, result.stdout) == (127, "")
    assert "npm:zig 1.0.0 is not installed" in result.stderr


def test_a_request_takes_effect_at_once_after_a_plan(box):
    assert box.output("node") == "system"
    box.request("nodejs=20.1.0\n")
    assert box.output("node") == "nodejs 20.1.0 node"


def test_the_setting_disables_the_fallthrough(box):
    assert box.output("node") == "system"
    result = box.run(box.shim("node"), ENVMGR_FALLTHROUGH="false")
    assert (result.returncode, result.stdout) == (126, "")
    (box.root / "config.toml").write_text("fallthrough = false\n")
    assert box.run(box.shim("node")).returncode == 126


@pytest.mark.parametrize("command", ["current", "why"])
def test_the_program_that_runs_is_named(box, command):
    def explain(**variables):
        return box.run(ENVMGR, command, "nodejs", ENVMGR_HOME=str(box.root), **variables)

    result = explain()
    assert result.returncode == 1
    assert "no version of nodejs is set here" in result.stderr
    assert f"the system's node is {box.directory / 'system' / 'node'}" in result.stderr
    assert "the system's" not in explain(ENVMGR_FALLTHROUGH="false").stderr
    assert "the system's" not in explain(PATH=box.paths.shims).stderr


def test_other_commands_of_a_tool_that_was_never_installed_run_the_next_program(box):
    box.request("python=3.12.0\n")  # whose commands are unknown, apart from its names
    assert box.run(box.shim("zig")).stdout == "system\n"


def test_without_another_program_the_shim_fails(box):
    result = box.run(box.shim("node"), PATH=box.paths.shims)
    assert result.returncode == 126
    assert "no version of node is set" in result.stderr


def test_a_command_without_a_shim_runs_the_systems_program_except_by_exec(box, tmp_path):
    program(tmp_path / "system" / "jq", "#!/bin/sh\necho system\n")
    box.request("jq=1.7.1\n")  # no installed tool has the command
    assert box.run("/bin/sh", "-c", "jq").stdout == "system\n"
    result = box.run(ENVMGR, "exec", "--", "jq", ENVMGR_HOME=str(box.root))
    assert (result.returncode, result.stdout) == (127, "")
    assert "jq 1.7.1 is not installed" in result.stderr


def test_exec_runs_no_command_in_place_of_those_of_a_missing_tool(box):
    box.request("python=3.12.0\n")  # its manifest does not name zig, which may be one of its commands
    result = box.run(ENVMGR, "exec", "--", "zig", ENVMGR_HOME=str(box.root))
    assert (result.returncode, result.stdout) == (127, "")
    assert "python 3.12.0 is not installed" in result.stderr

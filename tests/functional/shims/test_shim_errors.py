"""A shim that cannot run its command reports the cause and a hint."""

from __future__ import annotations

import os
import subprocess

import pytest

from envmgr.kit.frozen import replace
from envmgr.shells import shim
from support.machine.installed_tools import Toolbox, program
from support.waiting import WAIT_TIMEOUT_SECONDS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs POSIX shells")


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    toolbox.install("nodejs", "20.1.0", ["node", "corepack"])
    toolbox.install("nodejs", "25.0.0", ["node"])
    toolbox.install("python", "3.12.1", ["python"])
    toolbox.reshim()
    return toolbox


def test_a_command_without_a_version_names_the_tools_that_have_it(box):
    result = box.run(box.shim("node"))
    assert result.returncode == 126
    assert "no version of node is set" in result.stderr
    assert "nodejs 20.1.0, 25.0.0" in result.stderr
    assert "envmgr use nodejs 25.0.0" in result.stderr
    assert result.stdout == ""


def test_a_version_that_is_not_installed_names_the_command_that_installs_it(box):
    box.request("nodejs=22.3.0\n")
    result = box.run(box.shim("node"))
    assert result.returncode == 127
    assert "nodejs 22.3.0 is not installed" in result.stderr
    assert "envmgr install" in result.stderr


def test_another_tool_that_is_missing_does_not_stop_a_command(box):
    box.request("nodejs=22.3.0\npython=3.12.1\n")
    assert box.output("python") == "python 3.12.1 python"


def test_a_command_missing_in_the_version_names_versions_that_have_it(box):
    box.request("nodejs=25.0.0\n")
    result = box.run(box.shim("corepack"))
    assert result.returncode == 127
    assert "nodejs=25.0.0" in result.stderr
    assert "20.1.0" in result.stderr


def test_a_dotfile_with_a_bad_line_is_named_with_the_line(box):
    box.request("nodejs=20.1.0\n=\n")
    result = box.run(box.shim("node"))
    assert result.returncode == 1
    assert f"{box.project}/.envmgr:2:" in result.stderr


def test_a_json_option_of_the_command_is_passed_to_it(box):
    result = box.run(box.shim("node"), "--json")
    assert (result.returncode, result.stdout) == (126, "")


def test_a_path_back_to_the_shims_is_an_error_and_not_a_loop(box):
    box.request(f"nodejs=path:{box.paths.shims}\n")
    result = box.run(box.shim("node"))
    assert result.returncode == 127
    assert "which is an envmgr shim" in result.stderr


def test_a_tool_linked_to_a_shim_is_an_error_not_a_loop(box):
    (box.root / "installs/nodejs/20.1.0/bin/node").unlink()
    (box.root / "installs/nodejs/20.1.0/bin/node").symlink_to(box.shim("node"))
    box.request("nodejs=20.1.0\n")
    assert box.run(box.shim("node")).returncode == 127


def without_its_envmgr(box, **changes):
    changed_context = replace(shim.shim_context(box.paths), **changes)
    shim.rewrite(box.paths.shims, shim.files(changed_context, ["node", "envmgr"]))


@pytest.mark.parametrize("changes", [{"python": "/gone/python"}, {"site": "/gone/site-packages"}])
def test_shims_without_their_envmgr_use_the_one_on_path(box, changes):
    without_its_envmgr(box, **changes)
    (box.root / "shims/envmgr").unlink()
    (box.directory / "bin").mkdir()
    program(box.directory / "bin/envmgr", '#!/bin/sh\necho "$@"\n')
    result = box.run(box.shim("node"), "a b", PATH=f"{box.directory}/bin:{box.variables['PATH']}")
    assert result.stdout == "exec --shim node -- a b\n"


def test_shims_without_any_envmgr_are_an_error(box):
    without_its_envmgr(box, python="/gone/python")
    (box.root / "shims/envmgr").unlink()
    result = box.run("/bin/sh", box.shim("node"), PATH=box.paths.shims)
    assert result.returncode == 127
    assert "envmgr not found" in result.stderr
    assert "envmgr reshim" in result.stderr


def test_an_envmgr_that_is_itself_a_shim_is_an_error_not_a_loop(box):
    without_its_envmgr(box, python="/gone/python")
    result = box.run("/bin/sh", box.shim("node"), PATH=box.paths.shims)
    assert result.returncode == 127
    assert "its shim calls itself" in result.stderr


def test_system_runs_the_next_program_on_path_that_is_not_a_shim(box, tmp_path):
    for name in ("empty", "other", "mine"):
        (tmp_path / name).mkdir()
    program(tmp_path / "mine/node", '#!/bin/sh\necho mine "$@"\n')
    other_root = replace(shim.shim_context(box.paths), shims=str(tmp_path / "other"))
    shim.rewrite(str(tmp_path / "other"), shim.files(other_root, ["node"]))
    path = ":".join(
        [str(tmp_path / "empty"), str(tmp_path / "other"), box.paths.shims, str(tmp_path / "mine")]
    )
    box.request("nodejs=system\n")
    assert box.output("node", PATH=f"{path}:/usr/bin:/bin") == "mine"
    assert box.is_fast("node", PATH=f"{path}:/usr/bin:/bin")
    program(tmp_path / "empty/node", "#!/bin/sh\necho earlier\n")
    assert box.output("node", PATH=f"{path}:/usr/bin:/bin") == "earlier"
    result = box.run(box.shim("node"), PATH=f"{box.paths.shims}:{tmp_path}/other")
    assert result.returncode == 127
    assert "no other node on PATH" in result.stderr


def test_path_uses_an_external_installation_relative_to_the_file(box):
    elsewhere = box.directory / "tools" / "node" / "bin"
    elsewhere.mkdir(parents=True)
    program(elsewhere / "node", "#!/bin/sh\necho elsewhere\n")
    box.request("nodejs=path:../tools/node\n")
    assert box.output("node") == "elsewhere"
    assert box.is_fast("node")


def test_the_first_of_several_versions_that_has_a_command_runs(box):
    box.request("nodejs=25.0.0, 20.1.0\n")
    assert box.output("node") == "nodejs 25.0.0 node"
    assert box.output("corepack") == "nodejs 20.1.0 corepack"


def test_missing_tools_are_installed_only_if_the_settings_allow(box):
    box.request("nodejs=22.3.0\n")
    for policy in ("never", "ask"):
        result = box.run(box.shim("node"), ENVMGR_AUTO_INSTALL=policy)
        assert result.returncode == 127, policy
        assert "is not installed" in result.stderr


def test_without_a_terminal_there_is_no_prompt(box):
    box.request("nodejs=22.3.0\n")
    result = subprocess.run(
        [box.shim("node")],
        cwd=box.project,
        env={**box.variables, "ENVMGR_AUTO_INSTALL": "ask"},
        input=b"y\ny\n",
        capture_output=True,
        check=False,
        timeout=WAIT_TIMEOUT_SECONDS,
    )
    assert result.returncode == 127

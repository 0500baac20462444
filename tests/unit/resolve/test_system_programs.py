"""Programs of the system that run in place of a requested tool are found."""

from __future__ import annotations

import os

import pytest

from envmgr.resolve.system_programs import find_system_programs
from support.machine.installed_tools import Toolbox, program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="creates POSIX programs")


@pytest.fixture
def box(tmp_path):
    """Return a machine with nodejs 20.1.0, whose system has a node, an npm and a prettier, too."""
    box = Toolbox(tmp_path)
    box.install("nodejs", "20.1.0", ["node", "npm"])
    box.reshim()
    (tmp_path / "system").mkdir()
    for name in ("node", "npm", "prettier"):
        program(tmp_path / "system" / name, "#!/bin/sh\n")
    box.variables["PATH"] = f"{box.paths.shims}:{tmp_path}/system"
    return box


def programs(box, **variables):
    """Return the commands that the system runs, by tool."""
    results = find_system_programs(box.context(**variables))
    return {item.active.tool: sorted(item.programs) for item in results}


def test_shims_in_front_of_path_leave_nothing_to_the_system(box):
    box.request("nodejs=20.1.0\n")
    assert programs(box) == {}


def test_without_a_request_the_system_may_run_everything(box):
    assert programs(box) == {}
    box.request("nodejs=system\n")
    assert programs(box) == {}


def test_a_command_without_a_shim_is_found(box):
    box.request("nodejs=20.1.0\n")
    os.unlink(box.shim("npm"))
    assert programs(box) == {"nodejs": ["npm"]}
    (item,) = find_system_programs(box.context())
    assert item.programs == {"npm": str(box.directory / "system" / "npm")}
    assert item.shimmed == frozenset()


def test_a_shim_behind_the_system_is_found(box):
    box.request("nodejs=20.1.0\n")
    assert programs(box, PATH=f"{box.directory}/system:{box.paths.shims}") == {"nodejs": ["node", "npm"]}
    (item,) = find_system_programs(box.context(PATH=f"{box.directory}/system"))
    assert item.shimmed == {"node", "npm"}


def test_a_missing_tool_is_known_by_its_name_and_aliases(box):
    box.uninstall("nodejs", "20.1.0")
    box.reshim()
    box.request("nodejs=22.0.0\nnpm:prettier=3\n")
    assert programs(box) == {"nodejs": ["node"], "npm:prettier": ["prettier"]}


def test_a_missing_version_is_known_by_other_versions_of_the_tool(box):
    box.request("nodejs=22.0.0\n")
    for name in ("node", "npm"):
        os.unlink(box.shim(name))
    assert programs(box) == {"nodejs": ["node", "npm"]}


def test_an_external_installation_has_no_shims(box):
    external = box.directory / "external" / "bin"
    external.mkdir(parents=True)
    program(external / "prettier", "#!/bin/sh\n")
    box.request(f"npm:prettier=path:{external.parent}\n")
    assert programs(box) == {"npm:prettier": ["prettier"]}
    assert programs(box, PATH=f"{external}:{box.variables['PATH']}") == {}


def test_the_tools_own_directory_on_path_is_right(box):
    box.request("nodejs=20.1.0\n")
    tool_directory = os.path.join(box.paths.install("nodejs", "20.1.0"), "bin")
    assert programs(box, PATH=f"{tool_directory}:{box.directory}/system") == {}

"""A plan is never outdated: after any change of its inputs, the next run resolves again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from envmgr.kit.paths import single_root
from envmgr.shells import plan
from support.machine.installed_tools import SHELLS, Toolbox, program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs POSIX shells")

CLEAR_FOREVER = """
import sys
from envmgr.kit.paths import single_root
from envmgr.shells import plan
while True:
    plan.clear(single_root(sys.argv[1]))
"""


@pytest.fixture
def box(tmp_path):
    made = Toolbox(tmp_path)
    for version in ("18.0.0", "20.1.0", "22.0.0"):
        made.install("nodejs", version, ["node", "npm"], env={"NODE_ROOT": "{home}"})
    made.request("nodejs=20.1.0\n")
    made.reshim()
    return made


@pytest.fixture
def warm_box(box):
    assert box.output("node") == "nodejs 20.1.0 node"
    assert box.is_fast("node")
    return box


def lock(directory, version):
    tools = {"nodejs": {version: {"plugin": "sha256:" + "0" * 64, "artifacts": {}}}}
    document = {"lockfile": 1, "resolved": {"nodejs@20": version}, "tools": tools}
    (directory / ".envmgr.lock").write_text(json.dumps(document))


def test_an_edit_is_detected(warm_box):
    (warm_box.project / ".envmgr").write_text("nodejs=22.0.0\n")
    assert warm_box.output("node") == "nodejs 22.0.0 node"


@pytest.mark.parametrize("shell", SHELLS)
def test_an_edit_is_detected_with_each_sh(warm_box, shell):
    (warm_box.project / ".envmgr").write_text("nodejs=22.0.0\n")
    assert warm_box.run(*SHELLS[shell], warm_box.shim("node")).stdout == "nodejs 22.0.0 node\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_replacement_by_an_older_file_is_detected(warm_box, shell):
    older = warm_box.project / "older"
    older.write_text("nodejs=18.0.0\n")
    os.utime(older, (1_000_000_000, 1_000_000_000))
    older.rename(warm_box.project / ".envmgr")
    assert warm_box.run(*SHELLS[shell], warm_box.shim("node")).stdout == "nodejs 18.0.0 node\n"


def test_an_edit_with_an_older_time_is_detected(warm_box):
    file = warm_box.project / ".envmgr"
    before = file.stat()
    file.write_text("nodejs=18.0.0\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns - 1_000_000_000))
    assert warm_box.output("node") == "nodejs 18.0.0 node"


def test_edits_in_quick_succession_are_all_detected(box):
    file = box.project / ".envmgr"
    for version in ["20.1.0", "22.0.0", "18.0.0"] * 10:
        file.write_text(f"nodejs={version}\n")
        assert box.output("node") == f"nodejs {version} node"


def test_an_edit_in_the_same_clock_tick_as_the_plan_is_detected(box):
    """An edit with the plan's own time may be later than its reading."""
    assert box.output("node") == "nodejs 20.1.0 node"
    made = plan.path_of(box.paths, str(box.project), "node")
    file = box.project / ".envmgr"
    file.write_text("nodejs=22.0.0\n")
    mtime_ns = os.stat(made).st_mtime_ns
    os.utime(file, ns=(mtime_ns, mtime_ns))
    assert box.output("node") == "nodejs 22.0.0 node"


def test_a_touched_file_causes_a_new_plan(warm_box):
    warm_box.wait_for_clock()
    (warm_box.project / ".envmgr").touch()
    warm_box.wait_for_clock()
    assert not warm_box.is_fast("node")
    assert warm_box.is_fast("node")


def test_a_nearer_dotfile_is_detected_and_the_project_keeps_its_plan(warm_box):
    nested = warm_box.project / "a" / "b"
    nested.mkdir(parents=True)
    assert warm_box.is_fast("node", nested)
    warm_box.request("nodejs=22.0.0\n", warm_box.project / "a")
    assert warm_box.output("node", nested) == "nodejs 22.0.0 node"
    assert warm_box.is_fast("node", nested)
    assert warm_box.is_fast("node")
    (warm_box.project / "a" / ".envmgr").unlink()
    assert warm_box.output("node", nested) == "nodejs 20.1.0 node"


def test_creation_change_and_removal_of_a_dotfile_above_are_detected(warm_box):
    warm_box.install("zig", "0.12.0", ["zig"], env={"ZIG": "{home}"})
    above = warm_box.directory / ".envmgr"
    show = {"node": "#!/bin/sh\necho $ZIG\n"}
    program(warm_box.root / "installs/nodejs/20.1.0/bin/node", show["node"])
    assert warm_box.output("node") == ""
    warm_box.request("zig=0.12.0\n", warm_box.directory)
    assert warm_box.output("node") == warm_box.paths.install("zig", "0.12.0")
    assert warm_box.is_fast("node")
    above.unlink()
    assert warm_box.output("node") == ""


def test_creation_change_and_removal_of_a_lock_are_detected(box):
    box.install("nodejs", "20.0.0", ["node"])
    box.request("nodejs=20\n")
    assert box.output("node") == "nodejs 20.1.0 node"
    assert box.is_fast("node")
    lock(box.project, "20.0.0")
    assert box.output("node") == "nodejs 20.0.0 node"
    box.wait_for_clock()
    assert box.output("node") == "nodejs 20.0.0 node"
    assert box.is_fast("node")
    lock(box.project, "20.1.0")
    assert box.output("node") == "nodejs 20.1.0 node"
    (box.project / ".envmgr.lock").unlink()
    lock(box.project, "20.0.0")
    assert box.output("node") == "nodejs 20.0.0 node"


def test_an_override_applies_to_its_run_only(warm_box):
    assert warm_box.output("node", ENVMGR_NODEJS_VERSION="22.0.0") == "nodejs 22.0.0 node"
    assert warm_box.is_fast("node")
    assert warm_box.output("node") == "nodejs 20.1.0 node"
    assert warm_box.is_fast("node", ENVMGR_NODEJS_VERSION="")


def test_an_override_of_an_unrequested_tool_is_detected(warm_box):
    home = warm_box.install("java", "21", ["java"], env={"JAVA_HOME": "{home}"})
    program(warm_box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/sh\necho $JAVA_HOME\n")
    warm_box.reshim()
    assert warm_box.output("node") == ""
    assert warm_box.is_fast("node")
    assert warm_box.output("node", ENVMGR_JAVA_VERSION="21") == str(home)


def test_a_removed_version_is_not_run(warm_box):
    warm_box.uninstall("nodejs", "20.1.0")
    done = warm_box.run(warm_box.shim("node"))
    assert done.returncode == 127
    assert "nodejs 20.1.0 is not installed" in done.stderr


def test_removal_of_a_tool_with_variables_is_detected(warm_box):
    warm_box.install("java", "21", ["java"], env={"JAVA_HOME": "{home}"})
    warm_box.request("nodejs=20.1.0\njava=21\n")
    warm_box.output("node")
    assert warm_box.is_fast("node")
    warm_box.uninstall("java", "21")
    assert not warm_box.is_fast("node")


def test_a_program_that_is_no_longer_executable_is_detected(warm_box):
    (warm_box.root / "installs/nodejs/20.1.0/bin/node").chmod(0o644)
    assert warm_box.run(warm_box.shim("node")).returncode == 127


def test_a_ceiling_from_any_source_is_detected(warm_box):
    nested = warm_box.project / "a"
    nested.mkdir()
    assert warm_box.is_fast("node", nested)
    assert warm_box.run(warm_box.shim("node"), cwd=nested, ENVMGR_CEILING=str(nested)).returncode == 126
    assert (
        warm_box.run(warm_box.shim("node"), cwd=nested, ENVMGR_CEILING=f"/x:{nested}/:/y").returncode == 126
    )
    assert warm_box.output("node", nested, ENVMGR_CEILING=str(warm_box.project)) == "nodejs 20.1.0 node"
    assert warm_box.is_fast("node", nested, ENVMGR_CEILING=str(warm_box.project))
    assert warm_box.output("node", nested) == "nodejs 20.1.0 node"


def test_creation_change_and_removal_of_the_global_file_are_detected(box, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    assert box.run(box.shim("node"), cwd=outside).returncode == 126
    file = box.root / "global.envmgr"
    file.write_text("nodejs=18.0.0\n")
    box.wait_for_clock()
    assert box.output("node", outside) == "nodejs 18.0.0 node"
    assert box.is_fast("node", outside)
    file.write_text("nodejs=22.0.0\n")
    assert box.output("node", outside) == "nodejs 22.0.0 node"
    file.unlink()
    assert box.run(box.shim("node"), cwd=outside).returncode == 126


def test_a_plan_without_a_project_is_not_used_for_the_root_directory(box):
    assert plan.path_of(box.paths, None, "node") != plan.path_of(box.paths, "/", "node")


def test_a_directory_with_the_name_of_a_command_is_ignored(warm_box):
    nested = warm_box.project / "node"
    warm_box.request("nodejs=22.0.0\n", nested)
    assert warm_box.output("node", nested) == "nodejs 22.0.0 node"
    assert warm_box.is_fast("node", nested)
    assert warm_box.is_fast("node")


def test_another_root_has_its_own_tools(warm_box, tmp_path):
    other = Toolbox(tmp_path / "other")
    other.install("nodejs", "20.1.0", {"node": "#!/bin/sh\necho other\n"})
    assert warm_box.output("node", ENVMGR_HOME=str(other.root)) == "other"
    assert warm_box.output("node") == "nodejs 20.1.0 node"
    assert warm_box.is_fast("node", ENVMGR_HOME=str(warm_box.root))


def test_a_working_directory_with_dots_is_resolved_first(warm_box):
    inner = warm_box.project / "inner"
    warm_box.request("nodejs=22.0.0\n", inner)
    warm_box.output("node", inner)
    path = f"{inner}/../"
    for pwd in (path, path.rstrip("/"), f"{inner}/../../project", f"{inner}/./.."):
        done = warm_box.run("dash", warm_box.shim("node"), PWD=pwd)
        assert done.stdout == "nodejs 20.1.0 node\n", pwd


def test_the_logical_path_of_a_directory_is_used(warm_box):
    elsewhere = warm_box.directory / "elsewhere"
    warm_box.request("nodejs=22.0.0\n", elsewhere)
    (elsewhere / "link").symlink_to(warm_box.project / "sub", target_is_directory=True)
    (warm_box.project / "sub").mkdir()
    assert warm_box.output("node", elsewhere / "link") == "nodejs 22.0.0 node"
    assert warm_box.is_fast("node", elsewhere / "link")
    assert warm_box.output("node", warm_box.project / "sub") == "nodejs 20.1.0 node"


def test_a_removed_working_directory_is_an_error_with_the_cause(warm_box, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd '{gone}' && rmdir '{gone}' && '{warm_box.shim('node')}'"
    done = warm_box.run("dash", "-c", command)
    assert done.returncode == 126
    assert "Traceback" not in done.stderr


def test_commands_run_if_plans_cannot_be_written(box):
    os.makedirs(box.paths.data, exist_ok=True)
    with open(box.paths.plans, "w"):
        pass
    assert box.output("node") == "nodejs 20.1.0 node"
    assert box.output("node") == "nodejs 20.1.0 node"


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_run_with_a_damaged_plan(warm_box, shell):
    made = plan.path_of(warm_box.paths, str(warm_box.project), "node")
    with open(made, "w") as file:
        file.write("if then 'x\n")
    assert warm_box.run(*SHELLS[shell], warm_box.shim("node")).stdout == "nodejs 20.1.0 node\n"


def test_commands_run_while_plans_are_cleared(warm_box):
    with subprocess.Popen([sys.executable, "-c", CLEAR_FOREVER, str(warm_box.root)]) as clearing:
        try:
            for _ in range(15):
                done = warm_box.run(warm_box.shim("node"))
                assert (done.stdout, done.stderr) == ("nodejs 20.1.0 node\n", "")
        finally:
            clearing.kill()
    plan.invalidate_all(single_root(str(warm_box.root)))


def test_a_decision_from_before_an_installation_leaves_no_plan(box):
    """Install and reshim while a slow path is stopped, then continue it."""
    box.request("nodejs=20\n")
    draft = plan.start(box.paths)
    box.install("nodejs", "20.9.0", ["node"])
    box.reshim()
    made = plan.Plan("/bin/true", {}, (str(box.project / ".envmgr"),), {})
    assert not plan.commit(box.paths, draft, str(box.project), "node", made)
    assert box.output("node") == "nodejs 20.9.0 node"


@pytest.mark.slow
def test_concurrent_runs_all_succeed(box):
    running = [
        subprocess.Popen([box.shim("npm")], cwd=box.project, env=box.variables, stdout=subprocess.PIPE)
        for _ in range(40)
    ]
    assert {process.communicate(timeout=60)[0] for process in running} == {b"nodejs 20.1.0 npm\n"}

"""Full and read-only disks: the error names the directory, and nothing is lost."""

from __future__ import annotations

import shutil
import sys

import pytest

from support.http.fault_server import Server
from support.machine import limited_mounts
from support.machine.prepared_sandbox import PreparedSandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mounts and limits of Unix")
BALLAST = 4  # blocks of 64 KiB


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    with Server() as server:
        yield PreparedSandbox(tmp_path_factory.mktemp("steady") / "root", server)


@pytest.fixture
def home(slow_server):
    slow_server.again(ballast=BALLAST)
    for directory in ("cache/downloads", "cache/index", "staging", "installs", "locks", "shims"):
        (slow_server.sandbox.home / directory).mkdir(parents=True, exist_ok=True)
    return slow_server.sandbox.home


def check_error(steady, result, directory, hint):
    error = result.json
    assert (result.code, error["code"]) == (1, "storage")
    assert str(directory) in error["message"]
    assert hint in (error["hint"] or "")
    steady.check_nothing_lost()


@limited_mounts.needs_mounts()
@pytest.mark.parametrize("directory", ["cache/downloads", "staging", "locks"])
def test_a_full_disk_is_named_and_loses_nothing(slow_server, home, directory):
    size = "4k,nr_inodes=2" if directory == "locks" else "64k"
    result = limited_mounts.run(
        slow_server.sandbox, limited_mounts.full(home / directory, size), "install", "--json"
    )
    expected_path = home if directory == "staging" else home / directory
    check_error(slow_server, result, expected_path, "free some disk space")
    slow_server.recovers()


@limited_mounts.needs_mounts()
def test_staging_on_another_file_system_is_explained(slow_server, home):
    result = limited_mounts.run(
        slow_server.sandbox, limited_mounts.full(home / "staging", "9m"), "install", "--json"
    )
    check_error(slow_server, result, home, "must be on one file system")
    slow_server.recovers()


def test_a_file_size_limit_is_named_and_loses_nothing(slow_server, home):
    limited = (
        f'ulimit -f 64; exec "{shutil.which("envmgr", path=slow_server.sandbox.environment["PATH"])}" "$@"'
    )
    result = slow_server.sandbox.command(["sh", "-c", limited, "sh", "install", "--json"])
    check_error(slow_server, result, home / "cache" / "downloads", "ulimit -f")
    slow_server.recovers()


@limited_mounts.needs_mounts()
@pytest.mark.parametrize("directory", ["cache", "cache/downloads", "staging", "installs", "locks"])
def test_a_read_only_directory_is_named_and_loses_nothing(slow_server, home, directory):
    result = limited_mounts.run(
        slow_server.sandbox, limited_mounts.read_only(home / directory), "install", "--json"
    )
    check_error(slow_server, result, home / directory, "read-only")
    slow_server.recovers()


@limited_mounts.needs_mounts()
def test_a_list_that_cannot_be_cached_is_used(slow_server, home):
    result = limited_mounts.run(
        slow_server.sandbox, limited_mounts.read_only(home / "cache" / "index"), "install"
    )
    assert result.code == 0
    assert "was not cached" in result.err
    slow_server.recovers()


@limited_mounts.needs_mounts()
def test_read_only_shims_are_named_and_the_next_run_writes_them(slow_server, home):
    (home / "shims" / "alpha").unlink(missing_ok=True)
    result = limited_mounts.run(slow_server.sandbox, limited_mounts.read_only(home / "shims"), "install")
    assert result.code == 1
    assert f"cannot write {home / 'shims'}" in result.err
    slow_server.recovers()


@limited_mounts.needs_mounts()
def test_a_read_only_project_is_named_and_the_next_run_locks_it(slow_server):
    slow_server.again()
    project = slow_server.sandbox.project
    result = limited_mounts.run(slow_server.sandbox, limited_mounts.read_only(project), "install")
    assert result.code == 1
    assert f"cannot write {project}" in result.err
    assert "read-only" in result.err
    slow_server.recovers()


@limited_mounts.needs_mounts()
def test_installed_tools_run_from_a_read_only_home(slow_server, home):
    script = f'{limited_mounts.read_only(home)}\nbeta\nENVMGR_BETA_VERSION=1 beta\nexec "$0" current'
    result = slow_server.sandbox.command([*limited_mounts.unshare(), "sh", "-ceu", script, "envmgr"])
    assert result.code == 0
    assert result.out.startswith("beta 1.2.0\nbeta 1.2.0\n")

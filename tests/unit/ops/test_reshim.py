"""There is one shim for each command of each installed version."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from unittest import mock

import pytest

from envmgr.kit.errors import StorageError
from envmgr.kit.frozen import replace
from envmgr.ops import reshim
from envmgr.resolve.context import Context
from envmgr.shells import plan
from support.machine.installed_tools import Toolbox, program

RESHIM = """
import sys
from envmgr.kit import paths, platform
from envmgr.kit.environment import Environment
from envmgr.ops import reshim
from envmgr.resolve.context import Context
for _ in range(3):
    reshim.reshim(Context(Environment({}, "/"), paths.single_root(sys.argv[1]), platform.current()))
"""


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    toolbox.install("nodejs", "18.0.0", ["node", "npm"])
    toolbox.install("nodejs", "20.1.0", ["node", "corepack"])
    return toolbox


@pytest.fixture
def stale_box(box):
    """Return the machine with a stale shim of `npm`."""
    reshim.reshim(box.context())
    program(box.root / "shims/npm", "#!/bin/sh\n# envmgr shim (old)\n")
    return box


def test_every_command_of_every_version_has_a_shim(box):
    report = reshim.reshim(box.context())
    assert report.commands == ("corepack", "node", "npm")
    assert report.written == report.commands
    assert sorted(os.listdir(box.paths.shims)) == ["corepack", "node", "npm"]


def test_unchanged_shims_are_not_rewritten(box):
    reshim.reshim(box.context())
    report = reshim.reshim(box.context())
    assert (report.written, report.removed, report.foreign) == ((), (), ())


def test_shims_of_removed_versions_are_deleted(box):
    reshim.reshim(box.context())
    box.uninstall("nodejs", "18.0.0")
    assert reshim.stale(box.context()) == ("npm",)
    assert reshim.reshim(box.context()).removed == ("npm",)
    assert reshim.stale(box.context()) == ()


def test_a_program_that_a_tool_installs_into_itself_has_a_shim(box):
    reshim.reshim(box.context())
    program(box.root / "installs/nodejs/20.1.0/bin/prettier", "#!/bin/sh\n")
    assert reshim.stale(box.context()) == ("prettier",)
    assert reshim.reshim(box.context()).written == ("prettier",)


def test_stale_shims_are_refreshed(stale_box):
    assert reshim.try_refresh(stale_box.context())
    assert reshim.stale(stale_box.context()) == ()


def fail_to_write(number):
    """Return a patch of the system, which fails to replace a file."""
    return mock.patch.object(os, "replace", side_effect=OSError(number, os.strerror(number)))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_shims_that_must_not_be_written_stay_stale(stale_box, number):
    with fail_to_write(number):
        assert not reshim.try_refresh(stale_box.context())
    assert reshim.stale(stale_box.context()) == ("npm",)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_stale_shims_are_an_error_if_the_disk_fails(stale_box, number):
    with fail_to_write(number), pytest.raises(StorageError):
        reshim.try_refresh(stale_box.context())


def test_foreign_files_are_reported_and_left_alone(box):
    (box.root / "shims").mkdir()
    program(box.root / "shims/node", "#!/bin/sh\necho mine\n")
    assert reshim.reshim(box.context()).foreign == ("node",)
    assert (box.root / "shims/node").read_text() == "#!/bin/sh\necho mine\n"


def test_all_plans_are_deleted(box):
    draft = plan.start(box.paths)
    reshim.reshim(box.context())
    assert draft is None or not os.path.exists(draft.path)
    assert not os.path.exists(box.paths.plans)


@pytest.fixture
def windows_context(box):
    context = box.context()
    return Context(context.environment, context.paths, replace(context.platform, os="windows"))


def test_on_windows_each_command_has_a_batch_file_and_a_posix_shim(box, windows_context):
    reshim.reshim(windows_context)
    assert {"node", "node.bat"} <= set(os.listdir(box.paths.shims))


def test_on_windows_commands_that_differ_in_case_are_the_same(box, windows_context):
    box.install("other", "1.0.0", ["NPM", "zig"])
    assert reshim.required_commands(windows_context) == ("corepack", "node", "npm", "zig")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="runs POSIX programs")
def test_concurrent_reshims_never_remove_an_installed_command(box):
    reshim.reshim(box.context())
    running = [subprocess.Popen([sys.executable, "-c", RESHIM, str(box.root)]) for _ in range(6)]
    rounds = 0
    while any(process.poll() is None for process in running):
        rounds += 1
        box.install("zig", f"0.{rounds}.0", ["zig", f"zig{rounds}"])
        for _ in range(50):
            assert os.access(box.shim("node"), os.X_OK)
            assert os.access(box.shim("npm"), os.X_OK)
    assert [process.returncode for process in running] == [0] * 6
    reshim.reshim(box.context())
    assert all(os.path.exists(box.shim(f"zig{number}")) for number in range(1, rounds + 1))

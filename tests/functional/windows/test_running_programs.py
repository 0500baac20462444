"""Programs that run on Windows do not hinder an uninstall, or a new shim."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from envmgr.install import staging
from envmgr.kit.paths import single_root
from envmgr.shells import shim, windows_shim
from envmgr.shells.shim import ShimContext
from support.machine.windows_machine import IS_WINDOWS

pytestmark = pytest.mark.skipif(not IS_WINDOWS, reason="Windows locks the files of running programs")
PROGRAM = b"MZ envmgr shim (new"


@pytest.fixture
def start():
    """Return a function that starts a program in a file, which runs until the test ends."""
    processes = []

    def start_copy(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.environ["COMSPEC"], path)
        processes.append(
            subprocess.Popen([path, "/d", "/q", "/k"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        )

    yield start_copy
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()


def test_the_tree_of_a_running_program_is_moved_away(tmp_path, start):
    paths = single_root(str(tmp_path / "root"))
    tree = tmp_path / "root" / "installs" / "tool" / "1.0.0"
    start(tree / "bin" / "tool.exe")
    staging.discard(paths, str(tree))
    assert not tree.exists()
    assert list((tmp_path / "root" / "staging").rglob("tool.exe"))


def test_the_shim_of_a_running_command_is_replaced_and_removed(tmp_path, start, monkeypatch):
    start(tmp_path / "shims" / "node.exe")
    monkeypatch.setattr(shim, "is_shim", lambda _: True)
    values = ShimContext("", "C:\\plans", str(tmp_path / "shims"), "C:\\python.exe", "C:\\site")
    shim.rewrite(values.shims, windows_shim.files(values, ["node"], PROGRAM))
    assert (tmp_path / "shims" / "node.exe").read_bytes() == PROGRAM
    shim.rewrite(values.shims, {})
    assert not (tmp_path / "shims" / "node.exe").exists()

"""Locks are exclusive between threads and processes, and released on death."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from envmgr.kit.errors import StorageError
from envmgr.kit.file_locks import file_lock, path_lock
from envmgr.kit.paths import single_root

PROGRAM = """
import sys
from envmgr.kit.file_locks import file_lock
from envmgr.kit.paths import single_root
with file_lock(single_root(sys.argv[1]), "a"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_exclusive_between_threads(tmp_path):
    paths, inside, most = single_root(str(tmp_path)), [], []

    def work():
        with file_lock(paths, "a"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_locks_of_other_names_are_independent(tmp_path):
    paths = single_root(str(tmp_path))
    with file_lock(paths, "npm:@scope/a"), file_lock(paths, "b"):
        assert os.path.isdir(paths.locks)


@pytest.mark.parametrize(
    "path", ["/n\udcf6pe", "/nöpe", "/" + "日本語/" * 200], ids=["bytes", "text", "long"]
)
def test_a_path_of_any_length_and_encoding_has_a_lock(tmp_path, path):
    paths = single_root(str(tmp_path))
    with path_lock(paths, path), path_lock(paths, path + "x"):
        assert len(os.listdir(paths.locks)) == 2


def test_a_lock_is_released_after_an_error(tmp_path):
    paths = single_root(str(tmp_path))
    with pytest.raises(ZeroDivisionError), file_lock(paths, "a"):
        raise ZeroDivisionError
    with file_lock(paths, "a"):
        pass


@pytest.mark.parametrize("end", ["kill", "finish"])
def test_other_processes_wait_until_the_holder_ends(tmp_path, end):
    paths, acquired = single_root(str(tmp_path)), threading.Event()

    def work():
        with file_lock(paths, "a"):
            acquired.set()

    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline().strip() == b"held"
        waiting = threading.Thread(target=work)
        waiting.start()
        assert not acquired.wait(0.2)
        holder.kill() if end == "kill" else holder.stdin.close()
        waiting.join(20)
        assert acquired.is_set()
        holder.wait(20)


def test_a_directory_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="locks"), file_lock(single_root(str(tmp_path / "file")), "a"):
        pass

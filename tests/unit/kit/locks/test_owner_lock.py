"""Lock files exclude threads and processes, and only those of ended owners are taken over."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from envmgr.kit.locks import owner_lock
from envmgr.kit.locks.owner_lock import LEASE_SECONDS, OwnerLock

HOLDER = """
import sys
from envmgr.kit.locks.owner_lock import OwnerLock
print(OwnerLock(sys.argv[1]).try_acquire(), flush=True)
sys.stdin.read()
"""
WORKER = """
import os, sys, time
from envmgr.kit.locks.owner_lock import OwnerLock
path, inside = sys.argv[1:]
while True:
    lock = OwnerLock(path)
    if lock.try_acquire():
        descriptor = os.open(inside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.close(descriptor)
        time.sleep(0.001)
        os.unlink(inside)
        lock.release()
        print("held", flush=True)
    time.sleep(0.0005)
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.lock.owner")


def record_of_another_machine(path, age):
    """Write the lock of a process on another machine, renewed `age` seconds ago."""
    with open(path, "w") as file:
        file.write(f"{'b' * 32}\n1\n2\nanother machine\n")
    os.utime(path, (time.time() - age,) * 2)


def test_one_thread_holds_the_lock_at_a_time(path):
    first, second = OwnerLock(path), OwnerLock(path)
    assert first.try_acquire()
    assert not second.try_acquire()
    assert not second.is_free()
    second.release()  # it holds nothing, so it releases nothing
    assert not second.try_acquire()
    first.release()
    assert second.is_free()
    assert second.try_acquire()
    assert first.try_acquire() is False


@pytest.mark.parametrize("end", ["kill", "finish"])
def test_the_lock_of_an_ended_process_is_taken_over(path, end):
    command = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline().strip() == b"True"
        assert not OwnerLock(path).try_acquire()
        holder.kill() if end == "kill" else holder.stdin.close()
        holder.wait(20)
        assert OwnerLock(path).try_acquire()


@pytest.mark.parametrize(("age", "is_acquired"), [(0, False), (LEASE_SECONDS / 2, False), (3600, True)])
def test_an_owner_on_another_machine_counts_while_it_renews_its_lock(path, age, is_acquired):
    record_of_another_machine(path, age)
    assert OwnerLock(path).try_acquire() is is_acquired


@pytest.mark.parametrize(("age", "is_acquired"), [(0, False), (3600, True)])
def test_an_owner_that_was_killed_before_it_wrote_its_name_counts_for_a_while(path, age, is_acquired):
    with open(path, "w"):
        pass
    os.utime(path, (time.time() - age,) * 2)
    assert OwnerLock(path).try_acquire() is is_acquired


def test_an_owner_renews_its_lock(path, monkeypatch):
    monkeypatch.setattr(owner_lock, "RENEWAL_SECONDS", 0.01)
    lock = OwnerLock(path)
    assert lock.try_acquire()
    os.utime(path, (1, 1))
    limit = time.monotonic() + 60
    while os.stat(path).st_mtime < 2:
        assert time.monotonic() < limit
        time.sleep(0.01)
    lock.release()
    assert not os.path.exists(path)


def test_a_lock_that_another_process_took_over_is_not_released(path):
    lock = OwnerLock(path)
    assert lock.try_acquire()
    os.unlink(path)
    record_of_another_machine(path, 0)
    lock.release()
    assert os.path.exists(path)


def test_the_claim_of_an_ended_process_is_passed_over(path, tmp_path):
    record_of_another_machine(path, 3600)
    record_of_another_machine(f"{path}.{'b' * 32}.0", 3600)
    assert OwnerLock(path).try_acquire()
    assert os.listdir(tmp_path) == [os.path.basename(path)]


def test_a_lock_that_another_process_is_deleting_is_left_to_it(path):
    record_of_another_machine(path, 3600)
    record_of_another_machine(f"{path}.{'b' * 32}.0", 0)
    assert not OwnerLock(path).try_acquire()
    assert os.path.exists(path)


def test_threads_exclude_each_other(path):
    inside, most = [], []

    def work():
        lock = OwnerLock(path)
        while not lock.try_acquire():
            time.sleep(0.001)
        inside.append(1)
        most.append(len(inside))
        inside.pop()
        lock.release()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the start times of processes")
def test_processes_that_are_killed_at_any_moment_never_let_two_hold_it(path, tmp_path):
    dice, inside = random.Random(1), tmp_path / "inside"
    errors = tmp_path / "errors"
    with errors.open("wb") as log:
        workers = [start_worker(path, inside, log) for _ in range(4)]
        try:
            for _ in range(12):
                time.sleep(dice.uniform(0.05, 0.3))
                killed = workers.pop(0)
                os.kill(killed.pid, signal.SIGSTOP)
                os.waitpid(killed.pid, os.WUNTRACED)
                if holder(path) == killed.pid:
                    inside.unlink(missing_ok=True)  # what it cannot do any more
                end(killed)
                workers.append(start_worker(path, inside, log))
            wait_for_holders(workers)
            # Before they end: the next holder finds what the one that is killed inside leaves there.
            assert errors.read_text() == ""
        finally:
            for worker in workers:
                end(worker)


def start_worker(path, inside, log):
    command = [sys.executable, "-c", WORKER, path, str(inside)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)


def end(worker):
    worker.kill()
    worker.communicate(timeout=20)


def holder(path):
    try:
        with open(path) as file:
            return int(file.read().split("\n")[1])
    except (OSError, IndexError, ValueError):
        return None


def wait_for_holders(workers):
    """Wait until every worker has held the lock: it is not lost."""
    for worker in workers:
        assert worker.stdout.readline() == b"held\n"

"""Work in threads, interrupted."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from envmgr.kit.thread_pool import Task, map_parallel

UNFINISHED_WORK = """
import os, signal, sys, threading
from envmgr.kit.thread_pool import map_parallel
def work(item):
    os.kill(os.getpid(), signal.{name})
    threading.Event().wait(60)
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.{name}, stop)
try:
    map_parallel(work, [1], 1)
except KeyboardInterrupt:
    os._exit(7)
"""


def test_results_have_the_order_of_the_items():
    barrier = threading.Barrier(3)

    def work(item):
        barrier.wait(30)
        return item * 2

    assert map_parallel(work, [1, 2, 3], 3) == [2, 4, 6]


def test_the_first_exception_is_raised_and_the_rest_not_begun():
    started = []

    def work(item):
        started.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match="1"):
        map_parallel(work, range(1, 1000), 1)
    assert len(started) < 999


def test_no_more_calls_than_workers_run_at_once():
    running, most = [], []

    def work(item):
        running.append(item)
        most.append(len(running))
        threading.Event().wait(0.01)
        running.remove(item)

    map_parallel(work, range(8), 2)
    assert max(most) <= 2
    assert map_parallel(work, [], 2) == []


def test_an_exception_is_raised_to_each_that_waits():
    task = Task(lambda: 1 // 0)
    task.run()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            task.result()


def test_a_wait_ends_once_it_is_stopped():
    stop, task = threading.Event(), Task(lambda: 7)
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        task.result(stop)
    assert not task.is_done
    task.run()
    assert task.is_done
    assert task.result(stop) == 7


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_interrupts_the_wait_whenever_it_arrives(name):
    """The signal arrives before the main thread waits."""
    for _ in range(5):
        assert (
            subprocess.run(
                [sys.executable, "-c", UNFINISHED_WORK.format(name=name)], timeout=60, check=False
            ).returncode
            == 7
        )

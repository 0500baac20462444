"""The context of a run is shared by all of its threads."""

from __future__ import annotations

import sys
from threading import Barrier

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.paths import single_root
from envmgr.kit.thread_pool import map_parallel
from envmgr.resolve.context import Context

THREADS = 8


@pytest.fixture
def switch_frequently():
    """Return a function that makes threads switch so often that races occur, and another that ends it.

    Not while threads start: a tracer of coverage is installed in each of them, and fails if another one is switched to.
    """
    interval = sys.getswitchinterval()
    yield lambda: sys.setswitchinterval(1e-6), lambda: sys.setswitchinterval(interval)
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("part", ["settings", "project", "locks", "http", "registry", "catalog"])
def test_each_part_is_created_once_for_all_threads(tmp_path, part, switch_frequently):
    begin, end = switch_frequently
    for _ in range(20):
        context = Context(Environment({"HOME": str(tmp_path)}, str(tmp_path)), single_root(str(tmp_path)))
        barrier = Barrier(THREADS, action=begin)

        def read(_number, context=context, barrier=barrier):
            barrier.wait(60)
            return id(getattr(context, part))

        ids = {*map_parallel(read, range(THREADS), THREADS)}
        end()
        assert len(ids) == 1
        context.close()

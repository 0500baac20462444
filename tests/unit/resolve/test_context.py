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
def frequent_switches():
    """Switch threads so often that races occur."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.parametrize("part", ["settings", "project", "locks", "http", "registry", "catalog"])
def test_each_part_is_created_once_for_all_threads(tmp_path, part):
    for _ in range(20):
        context = Context(Environment({"HOME": str(tmp_path)}, str(tmp_path)), single_root(str(tmp_path)))
        barrier = Barrier(THREADS)

        def read(_number, context=context, barrier=barrier):
            barrier.wait(60)
            return id(getattr(context, part))

        assert len({*map_parallel(read, range(THREADS), THREADS)}) == 1
        context.close()

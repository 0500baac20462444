"""A process runs as long as one of its threads."""

from __future__ import annotations

import os
import sys

import pytest

from support.processes import end_input, is_running, process_without_first_thread


def test_this_process_runs():
    assert is_running(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no state of the first thread")
def test_a_process_runs_until_its_last_thread_ends():
    with process_without_first_thread() as process:
        assert is_running(process.pid)
        end_input(process)
        assert not is_running(process.pid)
    assert not is_running(process.pid)

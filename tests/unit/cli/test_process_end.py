"""The end of the process: at once, unless something is left to do."""

from __future__ import annotations

import atexit
import os
import threading

import pytest

from envmgr.cli import main as main_module
from envmgr.cli.main import main


class ProcessEnded(BaseException):
    """The process would have ended."""


@pytest.fixture
def process(monkeypatch):
    """Replace the end of the process, and what pytest has registered to run at exit."""

    def end(code):
        raise ProcessEnded(code)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(atexit, "_ncallbacks", lambda: 0)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    return monkeypatch


@pytest.mark.parametrize("args", [["--version"], ["search", "nodejs"]], ids=" ".join)
def test_a_command_ends_the_process_at_once(process, args, tmp_path):
    process.chdir(tmp_path)
    process.setattr("sys.argv", ["envmgr", *args])
    process.setattr("gc.disable", lambda: None)
    with pytest.raises(ProcessEnded):
        main()
    assert main(args) == 0  # called by a program, it returns the exit code


@pytest.mark.parametrize(
    ("module", "name", "count"), [(atexit, "_ncallbacks", 1), (threading, "active_count", 2)]
)
def test_a_process_with_something_left_to_do_ends_by_itself(process, module, name, count):
    process.setattr(module, name, lambda: count)
    assert main_module._exit_at_once(3) == 3

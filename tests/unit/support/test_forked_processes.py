"""Forked processes of programs are what new interpreters of them are."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import pytest

from support import forked_processes
from support.forked_processes import ForkServer
from support.server.server_commands import launch, launch_in_new_interpreter

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not forked_processes.CAN_FORK, reason="needs fork")

REPORT = """\
import json, os, signal, sys
print(json.dumps({
    "name": __name__,
    "arguments": sys.argv,
    "variables": sorted(os.environ.items()),
    "directory": os.getcwd(),
    "input": sys.stdin.read(),
    "encoding": [sys.stdin.encoding, sys.stdout.encoding, sys.getfilesystemencoding()],
    "terminals": [stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "signals": [repr(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
    "parent": os.getppid() > 1,
}))
print("bad \\udcff", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def fork_server() -> ForkServer:
    return ForkServer(("json",), {"LANG": "C.UTF-8"})


@pytest.fixture
def script(tmp_path: Path) -> Path:
    script = tmp_path / "report.py"
    script.write_text(REPORT)
    return script


def test_a_program_runs_as_in_a_new_interpreter(fork_server, script, tmp_path):
    environment = {"LANG": "C.UTF-8", "NAME": "value \udcff"}
    command = [str(script), "7", "argument \udcff"]
    forked = fork_server.run(command, environment, stdin="some input", directory=tmp_path, timeout=60)
    new = subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=tmp_path,
        input="some input",
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    assert forked.returncode == new.returncode == 7
    assert (forked.stdout, forked.stderr) == (new.stdout, new.stderr)


def test_processes_do_not_share_what_they_change(fork_server, script):
    script.write_text("import sys, json; print(hasattr(json, 'mark')); json.mark = 1")
    for _ in range(2):
        assert fork_server.run([str(script)], {"LANG": "C.UTF-8"}, timeout=60).stdout == "False\n"


class Interrupted(Exception):
    """A timeout of a test, which is raised wherever the test waits."""


def interrupt(_connection):
    raise Interrupted


def test_a_request_that_a_timeout_interrupts_answers_no_other(fork_server, script, tmp_path, monkeypatch):
    script.write_text("import sys; print(sys.argv[1]); sys.exit(int(sys.argv[1]))")
    streams = {name: tmp_path / name for name in ("stdout", "stderr")}
    process = fork_server.start([str(script), "3"], {"LANG": "C.UTF-8"}, **streams)
    descriptor = os.pidfd_open(process.pid)
    assert select.select([descriptor], [], [], 60)[0]
    os.close(descriptor)
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "recv", interrupt)
        with pytest.raises(Interrupted):
            process.wait(60)
    result = fork_server.run([str(script), "4"], {"LANG": "C.UTF-8"}, timeout=60)
    assert (result.returncode, result.stdout) == (4, "4\n")
    assert process.wait(60) == process.poll() == 3


@pytest.mark.parametrize("start", [launch, launch_in_new_interpreter])
def test_a_server_is_waited_for_and_ends_by_a_signal(start, tmp_path):
    arguments = ["serve", "all", "--port", "0", "--data-dir", str(tmp_path / "data")]
    process = start(arguments, dict(os.environ), tmp_path / "log")
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        assert process.poll() is None
    finally:
        process.kill()
    assert process.wait(60) == process.poll() == -signal.SIGKILL
    process.kill()


@pytest.mark.parametrize("name", ["PYTHONVERBOSE", "LD_PRELOAD", "LC_ALL"])
def test_variables_that_configure_the_interpreter_need_a_new_one(fork_server, name):
    assert fork_server.can_run({"LANG": "C.UTF-8", "HOME": "/"})
    assert not fork_server.can_run({"LANG": "C.UTF-8", name: "1"})

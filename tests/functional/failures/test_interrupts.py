"""Ctrl-C and SIGTERM: no traceback, no incomplete installation, and the next run continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from support.http import faults
from support.http.fault_server import Server
from support.machine.prepared_sandbox import INDEX, SUMS, PreparedSandbox
from support.machine.sandbox import ENVMGR

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
BALLAST = 8  # blocks of 64 KiB
CUT = 300_000


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    with Server() as server:
        yield PreparedSandbox(tmp_path_factory.mktemp("steady") / "root", server)


@pytest.fixture
def page(steady):
    """Publish an archive of half a megabyte."""
    steady.again(ballast=BALLAST)
    return steady.sandbox.server.pages[steady.archive]


def until(condition, process):
    """Wait for a condition while a process runs."""
    limit = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def received(steady):
    partial = steady.sandbox.home / "cache" / "downloads" / "partial"
    return (
        sum(path.stat().st_size for path in partial.glob("*") if not path.suffix) if partial.is_dir() else 0
    )


def ranges(steady):
    return [request.headers.get("range") for request in steady.sandbox.server.requests_for(steady.archive)]


def interrupted(steady, process, number, code, word):
    """Interrupt a process; return its error output and the seconds until it ended."""
    started = time.monotonic()
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    seconds = time.monotonic() - started
    assert (process.returncode, out) == (code, ""), err
    assert err.splitlines()[-1] == word
    assert "Traceback" not in err
    steady.check_nothing_lost()
    return seconds


SIGNALS = pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, -signal.SIGINT, "interrupted"),
        (signal.SIGTERM, -signal.SIGTERM, "terminated"),
        (signal.SIGHUP, -signal.SIGHUP, "terminated"),
    ],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
PATIENT = {"ENVMGR_HTTP_TIMEOUT": "60"}
AT_ONCE = 3.0  # seconds, of which a busy machine may need some


@SIGNALS
def test_an_interrupted_download_ends_at_once_and_resumes_later(steady, page, number, code, word):
    page.faults[:] = [faults.stalled(CUT)]
    process = steady.sandbox.start("install", env=PATIENT)
    until(lambda: received(steady) > 0, process)
    assert interrupted(steady, process, number, code, word) < AT_ONCE
    there = received(steady)
    page.faults.clear()
    steady.recovers()
    assert ranges(steady) == [None, f"bytes={there}-"]


@SIGNALS
@pytest.mark.parametrize("path", [INDEX, SUMS])
def test_a_process_waiting_for_a_silent_list_stops_at_once(steady, page, path, number, code, word):
    listing = steady.sandbox.server.pages[path]
    listing.faults[:] = [faults.silent()]
    process = steady.sandbox.start("install", env=PATIENT)
    until(lambda: steady.sandbox.server.requests_for(path), process)
    assert interrupted(steady, process, number, code, word) < AT_ONCE
    listing.faults.clear()
    steady.recovers()
    assert page.faults == []


def test_a_process_waiting_for_another_one_stops_at_once(steady, page):
    page.faults[:] = [faults.stalled(CUT)]
    first = steady.sandbox.start("install", env=PATIENT)
    until(lambda: received(steady) > 0, first)
    second = steady.sandbox.start("install")
    until(lambda: len(steady.sandbox.server.requests_for(INDEX)) > 1, second)
    try:
        assert interrupted(steady, second, signal.SIGINT, -signal.SIGINT, "interrupted") < AT_ONCE
    finally:
        interrupted(steady, first, signal.SIGTERM, -signal.SIGTERM, "terminated")
    page.faults.clear()
    steady.recovers()


def test_a_broken_download_resumes_in_the_next_run(steady, page):
    page.faults[:] = [faults.truncated(CUT)]
    assert "closed the connection" in steady.fails("install").err
    page.faults.clear()
    steady.recovers()
    assert ranges(steady) == [None, f"bytes={CUT}-"]


def test_a_broken_download_restarts_if_the_file_has_changed(steady, page):
    page.faults[:] = [faults.truncated(CUT)]
    steady.fails("install")
    steady.sandbox.publish("alpha", ("1.0.0",), ballast=BALLAST)
    steady.recovers()
    assert ranges(steady) == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize(
    "words", [["install"], ["exec", "alpha@1.0.0", "--", "true"], ["use", "alpha@1.0.0"]]
)
def test_ctrl_c_ends_a_shell_loop(steady, page, words):
    page.faults[:] = [faults.stalled(CUT)]
    machine = steady.sandbox
    loop = f"for i in 1 2 3; do echo $i; {ENVMGR} {' '.join(words)}; done; echo after"
    process = subprocess.Popen(
        ["bash", "-c", loop],
        cwd=machine.project,
        env={**machine.environment, **PATIENT, "ENVMGR_AUTO_INSTALL": "always"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: received(steady) > 0, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGINT, "1\n"), err
    page.faults.clear()

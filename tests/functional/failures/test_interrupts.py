"""Ctrl-C and SIGTERM: no traceback, no incomplete installation, and the next run continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from support import waiting
from support.http import faults
from support.http.fault_server import Server
from support.machine.prepared_sandbox import INDEX, SUMS, PreparedSandbox
from support.machine.sandbox import ENVMGR

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
BALLAST = 8  # blocks of 64 KiB
CUT = 300_000
LARGE_BALLAST = 40
LARGE_CUT = 2_000_000


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    with Server() as server:
        yield PreparedSandbox(tmp_path_factory.mktemp("steady") / "root", server)


@pytest.fixture
def page(slow_server):
    """Publish an archive of half a megabyte."""
    slow_server.again(ballast=BALLAST)
    return slow_server.sandbox.server.pages[slow_server.archive]


def wait_until(condition, process):
    """Wait for a condition while a process runs."""
    waiting.wait_until(lambda: condition() or process.poll() is not None)
    assert condition(), process.communicate()


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
AT_ONCE = 15.0  # seconds, of which a busy machine needs some; the server is silent for a minute


@SIGNALS
def test_an_interrupted_download_ends_at_once_and_resumes_later(slow_server, page, number, code, word):
    page.faults[:] = [faults.stalled(CUT)]
    process = slow_server.sandbox.start("install", env=PATIENT)
    wait_until(lambda: received(slow_server) > 0, process)
    assert interrupted(slow_server, process, number, code, word) < AT_ONCE
    there = received(slow_server)
    page.faults.clear()
    slow_server.recovers()
    assert ranges(slow_server) == [None, f"bytes={there}-"]


@pytest.fixture
def large_page(slow_server):
    """Publish an archive that is unpacked while it arrives, and stalls."""
    slow_server.again(ballast=LARGE_BALLAST)
    page = slow_server.sandbox.server.pages[slow_server.archive]
    page.faults[:] = [faults.stalled(LARGE_CUT)]
    return page


def unpacks(steady):
    """Return whether the program was unpacked."""
    return any(any(path.rglob("bin/alpha")) for path in steady.sandbox.staged())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_unpacks_while_it_downloads_leaves_nothing_installed(slow_server, large_page, number):
    process = slow_server.sandbox.start("install", env=PATIENT)
    wait_until(lambda: unpacks(slow_server), process)
    if number == signal.SIGINT:
        assert interrupted(slow_server, process, number, -number, "interrupted") < AT_ONCE
    else:
        process.kill()
        process.communicate(timeout=60)
        assert slow_server.sandbox.incomplete() == []
        assert not (slow_server.sandbox.home / "installs" / "alpha" / "1.0.0").exists()
    large_page.faults.clear()
    there = received(slow_server)
    slow_server.recovers()
    assert ranges(slow_server) == [None, f"bytes={there}-"]


@SIGNALS
@pytest.mark.parametrize("path", [INDEX, SUMS])
def test_a_process_waiting_for_a_silent_list_stops_at_once(slow_server, page, path, number, code, word):
    listing = slow_server.sandbox.server.pages[path]
    listing.faults[:] = [faults.silent()]
    process = slow_server.sandbox.start("install", env=PATIENT)
    wait_until(lambda: slow_server.sandbox.server.requests_for(path), process)
    assert interrupted(slow_server, process, number, code, word) < AT_ONCE
    listing.faults.clear()
    slow_server.recovers()
    assert page.faults == []


def test_a_process_waiting_for_another_one_stops_at_once(slow_server, page):
    page.faults[:] = [faults.stalled(CUT)]
    first = slow_server.sandbox.start("install", env=PATIENT)
    wait_until(lambda: received(slow_server) > 0, first)
    second = slow_server.sandbox.start("install")
    wait_until(lambda: len(slow_server.sandbox.server.requests_for(INDEX)) > 1, second)
    try:
        assert interrupted(slow_server, second, signal.SIGINT, -signal.SIGINT, "interrupted") < AT_ONCE
    finally:
        interrupted(slow_server, first, signal.SIGTERM, -signal.SIGTERM, "terminated")
    page.faults.clear()
    slow_server.recovers()


def test_a_broken_download_resumes_in_the_next_run(slow_server, page):
    page.faults[:] = [faults.truncated(CUT)]
    assert "closed the connection" in slow_server.fails("install").err
    page.faults.clear()
    slow_server.recovers()
    assert ranges(slow_server) == [None, f"bytes={CUT}-"]


def test_a_broken_download_restarts_if_the_file_has_changed(slow_server, page):
    page.faults[:] = [faults.truncated(CUT)]
    slow_server.fails("install")
    slow_server.sandbox.publish("alpha", ("1.0.0",), ballast=BALLAST)
    slow_server.recovers()
    assert ranges(slow_server) == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize(
    "words", [["install"], ["exec", "alpha@1.0.0", "--", "true"], ["use", "alpha@1.0.0"]]
)
def test_ctrl_c_ends_a_shell_loop(slow_server, page, words):
    page.faults[:] = [faults.stalled(CUT)]
    machine = slow_server.sandbox
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
    wait_until(lambda: received(slow_server) > 0, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGINT, "1\n"), err
    page.faults.clear()

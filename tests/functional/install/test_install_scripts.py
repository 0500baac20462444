"""Install scripts through the whole program: trust, output, failure, and termination of children."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from support.http.fault_server import Server
from support.machine.prepared_sandbox import PreparedSandbox
from support.processes import is_running
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sh and process groups")

BUILD = """
echo "building $ENVMGR_VERSION with $ENVMGR_JOBS jobs"
test "$PWD" = "$ENVMGR_INSTALL_DIR"
ls "$ENVMGR_DOWNLOAD_DIR"
env | grep ^ENVMGR_ | cut -d= -f1 | sort
printf '#!/bin/sh\\necho built\\n' > bin/built
chmod 755 bin/built
"""
FAMILY = """
trap '' TERM INT
sh -c 'trap "" TERM INT; echo $$; while :; do sleep 0.05; done' &
echo $$
while :; do sleep 0.05; done
"""


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    with Server() as server:
        yield PreparedSandbox(tmp_path_factory.mktemp("steady") / "root", server)


@pytest.fixture
def publish_script(slow_server):
    """Return a function that publishes alpha with an install script, trusted if requested."""

    def publish(text, trust=True):
        slow_server.again()
        manifest = slow_server.sandbox.manifest("alpha", ("alpha",))
        slow_server.sandbox.add_manifest({**manifest, "install_script": {"unix": text}})
        if trust:
            slow_server.sandbox.variables["ENVMGR_TRUSTED"] = required_digest(slow_server)
        return slow_server

    yield publish
    slow_server.sandbox.variables.pop("ENVMGR_TRUSTED", None)


def required_digest(steady):
    return re.search(r"sha256:[0-9a-f]{64}", steady.fails("install").err)[0]


def log_of(steady):
    return steady.sandbox.home / "logs" / "install-alpha-1.0.0.log"


def test_an_untrusted_script_is_rejected_before_any_download(publish_script):
    steady = publish_script(BUILD, trust=False)
    error = steady.fails("install", "--json").json
    assert error["code"] == "untrusted-script"
    assert steady.sandbox.server.requests_for(steady.archive) == []
    assert not log_of(steady).exists()


def test_a_script_runs_after_following_the_hint(publish_script):
    steady = publish_script(BUILD, trust=False)
    hint = steady.fails("install", "--json").json["hint"]
    show, trust = re.findall("`(.*?)`", hint)
    assert "building $ENVMGR_VERSION" in steady.sandbox.command(shlex.split(show)).out
    assert steady.sandbox.command(shlex.split(trust)).code == 0
    steady.recovers()
    assert steady.sandbox.command(["built"]).out == "built\n"
    assert log_of(steady).read_text().splitlines() == [
        f"building 1.0.0 with {max(4, os.cpu_count() or 1)} jobs",
        os.path.basename(steady.archive),
        "ENVMGR_DOWNLOAD_DIR",
        "ENVMGR_INSTALL_DIR",
        "ENVMGR_JOBS",
        "ENVMGR_VERSION",
    ]
    steady.sandbox.ok("config", "unset", "trusted")


def test_trust_applies_to_the_exact_script(publish_script):
    steady = publish_script(BUILD)
    manifest = steady.sandbox.manifest("alpha", ("alpha",))
    steady.sandbox.add_manifest({**manifest, "install_script": {"unix": BUILD + "echo more"}})
    assert "untrusted install script" in steady.fails("install").err


def test_a_failing_script_is_quoted_and_its_output_saved(publish_script):
    steady = publish_script("echo one\necho 'cc: not found' >&2\nexit 7")
    result = steady.fails("install")
    assert f"error: install script exited with status 7; log: {log_of(steady)}" in result.err
    assert "  cc: not found\n" in result.err
    assert "hint: " in result.err
    assert log_of(steady).read_text() == "one\ncc: not found\n"
    assert steady.fails("install", "--json").json["code"] == "script-failed"


def test_a_script_that_deletes_the_program_is_an_error(publish_script):
    steady = publish_script("rm bin/alpha")
    assert "program 'bin/alpha' not found in the archive" in steady.fails("install").err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_an_interrupted_script_is_terminated_with_its_children(publish_script, number, code):
    steady = publish_script(FAMILY)
    process = steady.sandbox.start("install")
    family = wait_for_family(log_of(steady), process)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    wait_until_gone(family)
    steady.check_nothing_lost()


def test_a_killed_installation_with_a_script_is_swept_by_the_next(publish_script):
    steady = publish_script(FAMILY)
    process = steady.sandbox.start("install")
    family = wait_for_family(log_of(steady), process)
    process.kill()
    process.communicate()
    for child in family:
        os.kill(child, signal.SIGKILL)
    steady.sandbox.publish("alpha", ("1.0.0",))
    steady.recovers()


def wait_for_family(log: Path, process):
    def lines():
        return log.read_text().splitlines() if log.exists() else []

    wait_until(lambda: len(lines()) == 2 or process.poll() is not None)
    assert len(lines()) == 2, process.communicate()
    return [int(number) for number in lines()]


def wait_until_gone(processes):
    wait_until(lambda: not any(map(is_running, processes)), "processes are left")

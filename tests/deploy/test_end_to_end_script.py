"""The end-to-end script, run against a real server."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from support.requirements import needs_programs
from support.server.local_system import REQUIRED_PROGRAMS
from support.server.server_process import ADMIN_PASSWORD, Daemon

pytestmark = needs_programs(*REQUIRED_PROGRAMS)
SCRIPT = Path(__file__).parents[2] / "deploy" / "e2e.sh"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("alm"))
    try:
        yield daemon.start()
    finally:
        daemon.end()


def run_script(*arguments, **variables):
    return subprocess.run(
        ["bash", SCRIPT, *arguments],
        env={**os.environ, "ALM_E2E_TIMEOUT_SECONDS": "90", **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def url_of(daemon):
    return f"http://127.0.0.1:{daemon.port}"


def test_every_event_of_its_own_app_is_in_the_audit_log(daemon):
    for _ in range(2):
        result = run_script(url_of(daemon), ALM_PASSWORD=ADMIN_PASSWORD)
        assert (result.returncode, result.stderr) == (0, "")
        assert "the audit log has AppCreated, VersionCreated and DeploymentCreated" in result.stdout


def test_settings_come_from_the_environment_and_a_slash_may_end_the_url(daemon):
    result = run_script(ALM_URL=f"{url_of(daemon)}/", ALM_ADMIN_PASSWORD=ADMIN_PASSWORD)
    assert (result.returncode, result.stderr) == (0, "")


def test_events_that_are_missing_are_named(tmp_path):
    """The audit log's database is locked by another process, so that nothing can be appended."""
    daemon = Daemon(tmp_path)
    try:
        daemon.start()
        with closing(sqlite3.connect(daemon.data / "audit.db", isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            result = run_script(url_of(daemon), ALM_PASSWORD=ADMIN_PASSWORD, ALM_E2E_TIMEOUT_SECONDS="3")
            connection.execute("ROLLBACK")
    finally:
        daemon.end()
    assert result.returncode == 1
    assert "the audit log lacks AppCreated, VersionCreated, DeploymentCreated of app e2e-" in result.stderr
    assert " after 3 s\n" in result.stderr
    assert f"hint: check the consumers: curl {url_of(daemon)}/readyz" in result.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "error: no password for admin\nhint: set ALM_PASSWORD\n"),
        ({"ALM_PASSWORD": 'wrong "\\ password'}, "POST /auth/login answered 401 instead of 200"),
        ({"ALM_PASSWORD": ADMIN_PASSWORD, "ALM_USERNAME": "unknown"}, "POST /auth/login answered 401"),
    ],
    ids=["no password", "wrong password", "unknown user"],
)
def test_a_refused_login_is_an_error(daemon, variables, message):
    result = run_script(url_of(daemon), **variables)
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr
    assert "wrong" not in result.stderr


@pytest.mark.parametrize("value", ["soon", "0", "-1", "1.5", "100000"])
def test_an_invalid_timeout_is_refused(value):
    result = run_script("http://127.0.0.1:1", ALM_PASSWORD=ADMIN_PASSWORD, ALM_E2E_TIMEOUT_SECONDS=value)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"error: invalid ALM_E2E_TIMEOUT_SECONDS {value}\nhint: set it to a number" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dir",), "--dir requires a value"),
        (("--frob",), "unknown option --frob"),
        (("http://127.0.0.1:1", "more"), "unexpected argument more"),
    ],
)
def test_an_invalid_command_line_is_refused(arguments, message):
    result = run_script(*arguments, ALM_PASSWORD="unused-password")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"error: {message}\nhint: run `deploy/e2e.sh --help` for usage\n"


def test_help_lists_every_variable_that_the_script_reads():
    result = run_script("--help")
    assert (result.returncode, result.stderr) == (0, "")
    read = set(re.findall(r"\$\{?(ALM_\w+)", SCRIPT.read_text()))
    assert read <= set(re.findall(r"ALM_\w+", result.stdout))


def test_an_unreachable_server_is_an_error():
    result = run_script("http://127.0.0.1:1", ALM_PASSWORD=ADMIN_PASSWORD)
    assert (result.returncode, result.stdout) == (1, "")
    assert (
        "error: POST http://127.0.0.1:1/auth/login failed\nhint: check that the server runs" in result.stderr
    )

"""Login and push with a real server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from support.alm.git_repository import QUIET, repository
from support.machine.sandbox import ENVMGR, Sandbox
from support.server.server_process import ADMIN_PASSWORD, Daemon
from support.waiting import PROCESS_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def real_server(tmp_path_factory) -> Iterator[Daemon]:
    """Yield a running server that tests share, each with its own app."""
    daemon = Daemon(tmp_path_factory.mktemp("alm"))
    try:
        yield daemon.start()
    finally:
        daemon.end()


@pytest.fixture
def user(machine, real_server):
    """Return a machine whose user is signed in."""
    return signed_in(machine, real_server)


def signed_in(machine, daemon):
    url = f"http://127.0.0.1:{daemon.port}"
    machine.ok("alm", "login", url, "-u", "admin", "--password-stdin", stdin=ADMIN_PASSWORD)
    return machine


def ask(daemon, method, path, body=None):
    with daemon.wire(daemon.login()["access_token"]) as wire:
        return wire.ask(method, path, body)


def app_name():
    return f"app-{uuid4().hex[:8]}"


def test_the_server_reads_a_lock_of_the_client(user, real_server):
    app = app_name()
    user.publish("alpha")
    user.ok("lock")
    document = json.loads(user.ok("alm", "push", "--app", app, "--tag", "v1", "--json").out)
    assert (document["status"], document["app_created"]) == ("created", True)
    (tool,) = document["version"]["toolchain"]["tools"]
    assert (tool["tool"], tool["version"], tool["requests"]) == ("alpha", "1.1.0", ["alpha@^1.0"])
    assert document["version"]["toolchain"]["lock_digest"] == document["lock_digest"]
    stored = ask(real_server, "GET", f"/apps/{app}/versions/v1/lock").json
    assert stored["lock"] == (user.project / ".envmgr.lock").read_text()
    assert stored["dotfile"] == (user.project / ".envmgr").read_text()


def test_an_identical_push_is_one_version_and_other_content_names_what_differs(user, real_server):
    app = app_name()
    words = ("alm", "push", "--app", app, "--tag", "v1")
    user.ok(*words)
    assert "already registered" in user.ok(*words, env={"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7"}).out
    (user.project / ".envmgr.lock").unlink()
    result = user.run(*words)
    assert result.code == 1
    assert re.search("sha256:[0-9a-f]{64}, local none\n", result.err)
    assert len(ask(real_server, "GET", f"/apps/{app}/versions").json) == 1


def test_an_invalid_lock_is_rejected_with_its_position_before_sending(user, real_server):
    (user.project / ".envmgr.lock").write_text('{"lockfile": 1, "tools": 3}\n')
    app = app_name()
    result = user.run("alm", "push", "--app", app, "--tag", "v1", "--spool")
    assert (result.code, result.out) == (1, "")
    assert result.err.count(".envmgr.lock") == 1
    assert "tools" in result.err
    assert ask(real_server, "GET", f"/apps/{app}").status == 404


def test_an_api_key_for_one_app_pushes_that_app_only(machine, real_server):
    app = app_name()
    ask(real_server, "POST", "/apps", {"name": app})
    scopes = ["apps:read", "versions:read", "versions:write"]
    key = ask(real_server, "POST", "/auth/keys", {"name": app, "app": app, "scopes": scopes}).json
    machine.variables |= {
        "ENVMGR_ALM_URL": f"http://127.0.0.1:{real_server.port}",
        "ENVMGR_ALM_TOKEN": key["key"],
    }
    machine.ok("alm", "push", "--app", app, "--tag", "v1")
    assert app in machine.ok("alm", "whoami").out
    result = machine.run("alm", "push", "--app", app_name(), "--tag", "v1")
    assert result.code == 1
    assert key["key"] not in result.err
    ask(real_server, "DELETE", f"/auth/keys/{key['id']}")
    result = machine.run("alm", "push", "--app", app, "--tag", "v2")
    assert (result.code, "authentication failed" in result.err) == (1, True)


def test_concurrent_processes_refresh_an_expired_token_once(user):
    path = user.home / "credentials.json"
    stored = json.loads(path.read_text())
    for entry in stored["servers"].values():
        entry["expires_at"] = 1
    path.write_text(json.dumps(stored))
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: user.run("alm", "whoami"), range(6)))
    assert [result.code for result in results] == [0] * 6, results
    user.ok("alm", "whoami")


def test_concurrent_identical_pushes_create_one_version(user):
    app = app_name()
    with ThreadPoolExecutor(6) as pool:
        words = ("alm", "push", "--app", app, "--tag", "v1", "--json")
        documents = [json.loads(index.out) for index in pool.map(lambda _: user.ok(*words), range(6))]
    assert sorted(document["status"] for document in documents) == ["created", *["unchanged"] * 5]
    assert len({document["version"]["id"] for document in documents}) == 1
    assert [document["app_created"] for document in documents].count(True) == 1


def test_logout_revokes_the_session_at_the_server(user, real_server):
    entry = json.loads((user.home / "credentials.json").read_text())["servers"][
        f"http://127.0.0.1:{real_server.port}"
    ]
    user.ok("alm", "logout")
    with real_server.wire() as wire:
        assert wire.ask("POST", "/auth/refresh", {"refresh_token": entry["refresh_token"]}).status == 401


@pytest.mark.slow
def test_spooled_pushes_are_delivered_once_after_an_outage(machine, tmp_path):
    daemon = Daemon(tmp_path / "own")
    daemon.root.mkdir()
    try:
        signed_in(machine, daemon.start())
        daemon.kill()
        for tag in ("v1", "v2", "v1"):
            machine.ok("alm", "push", "--tag", tag, "--spool")
        assert machine.run("alm", "flush").code == 1
        daemon.start()
        document = json.loads(machine.ok("alm", "flush", "--json").out)
        assert [item["tag"] for item in document["delivered"]] == ["v1", "v2"]
        assert machine.ok("alm", "flush").out == "queue is empty\n"
        assert [item["tag"] for item in ask(daemon, "GET", "/apps/shop/versions").json] == ["v2", "v1"]
    finally:
        daemon.end()


@pytest.mark.slow
def test_a_push_to_a_killed_server_creates_one_version(machine, tmp_path):
    daemon = Daemon(tmp_path / "own")
    daemon.root.mkdir()
    try:
        signed_in(machine, daemon.start())
        machine.variables |= {"ENVMGR_HTTP_RETRIES": "8"}
        machine.ok("alm", "push", "--tag", "v0")
        push = machine.start("alm", "push", "--tag", "v1")
        daemon.kill()
        daemon.start()
        out, err = push.communicate(
            timeout=PROCESS_TIMEOUT_SECONDS
        )  # its retries wait for half a minute each
        if push.returncode:  # it met the killed server before its first request
            assert "connection refused" in err
            out = machine.ok("alm", "push", "--tag", "v1").out
        assert "shop@v1" in out
        assert [item["tag"] for item in ask(daemon, "GET", "/apps/shop/versions").json] == ["v1", "v0"]
    finally:
        daemon.end()


def test_a_push_works_with_a_server_that_requires_preconditions(machine, tmp_path):
    daemon = Daemon(tmp_path / "own", "--require-if-match")
    daemon.root.mkdir()
    try:
        signed_in(machine, daemon.start())
        machine.ok("alm", "push", "--tag", "v1")
        machine.ok("alm", "push", "--tag", "v1")
        assert [item["tag"] for item in ask(daemon, "GET", "/apps/shop/versions").json] == ["v1"]
    finally:
        daemon.end()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_serve_runs_the_server_and_stops_on_a_signal(machine):
    data = machine.root / "data"
    process = subprocess.Popen(
        [ENVMGR, "alm", "serve", "--port", "0", "--data-dir", "../data"],
        cwd=machine.project,
        env={**machine.environment, "ALM_ADMIN_PASSWORD": ADMIN_PASSWORD},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output = ""
        while not (match := re.search(r"http://127\.0\.0\.1:(\d+)", output)):
            line = process.stdout.readline()
            assert line, output
            output += line
        machine.ok("alm", "login", match[0], "-u", "admin", "--password-stdin", stdin=ADMIN_PASSWORD)
        machine.ok("alm", "push", "--tag", "v1")
        assert (data / "app.db").is_file()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_serve_rejects_json_output(machine):
    result = machine.run("alm", "serve", "--json")
    assert (result.code, "--json is not supported by serve" in result.out) == (2, True)


def test_a_push_from_a_second_machine_is_the_same_version(user, real_server, tmp_path, server):
    app = app_name()
    user.ok("alm", "push", "--app", app, "--tag", "v1", "--commit", "3f2c1ab0c9d8")
    other = Sandbox(tmp_path / "other", server)
    other.variables |= QUIET
    other.write("alpha=^1.0")
    (other.project / ".envmgr.lock").write_text((user.project / ".envmgr.lock").read_text())
    repository(other.project)
    signed_in(other, real_server)
    result = other.ok("alm", "push", "--app", app, "--tag", "v1", "--commit", "3f2c1ab0c9d8", "--json")
    assert json.loads(result.out)["status"] == "unchanged"

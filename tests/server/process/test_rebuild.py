"""Projections rebuilt beside requests, and over a kill."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from support.server.installations import SqliteInstallation
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
APPS, MAX_WRITES = 120, 140
"""With them, a page has all apps."""
DEADLINE_SECONDS = 90


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[SqliteInstallation]:
    """Yield a running server with more deployed apps than a step of a rebuild takes."""
    installation = SqliteInstallation(tmp_path)
    try:
        token = installation.daemon.start().login()["access_token"]
        with installation.daemon.wire(token) as wire:
            for number in range(APPS):
                deploy(wire, f"app-{number}", "1.0.0")
        installation.daemon.settle(token)
        yield installation
    finally:
        installation.daemon.end()


def deploy(wire, app, tag):
    """Register a version of an app, made if need be, and deploy it."""
    wire.ask("POST", "/apps", {"name": app})
    lock = {"toolchain": {"lock": '{"nodejs": "20.11.1"}', "dotfile": "nodejs=^20\n"}}
    version = wire.ask("PUT", f"/apps/{app}/versions/{tag}", lock).json["id"]
    made = wire.ask("POST", "/deployments", {"version_id": version, "environment": "prod"})
    assert made.status == 201, made.text
    for status in ("in_progress", "successful"):
        reply = wire.ask("POST", f"/deployments/{made.json['id']}/statuses", {"status": status})
        assert reply.status == 201, reply.text


def matrix(daemon, token):
    """Return the current tag of each app."""
    with daemon.wire(token) as wire:
        placements = wire.ask("GET", "/matrix").json["placements"]
    return {
        placement["app"]: placement["current"] and placement["current"]["tag"] for placement in placements
    }


def usage(daemon, token):
    """Return the tag of each app that is deployed with the tool."""
    uses, path = {}, "/tools/nodejs/usage?range=*&limit=200"
    with daemon.wire(token) as wire:
        reply = wait_until(
            lambda: (response := wire.ask("GET", path)).status == 200 and response, seconds=DEADLINE_SECONDS
        )
    for use in (*reply.json["matches"], *reply.json["without_lock"]):
        uses[use["app"]] = use["tag"]
    return uses


def rebuild(installation, projection):
    """Enqueue a rebuild; return the name of its job."""
    result = installation.run("rebuild", projection)
    assert result.returncode == 0, result.stderr
    return re.search(r"deployment:\d+", result.stdout)[0]


def is_done(installation, job):
    return '"state": "done"' in installation.run("jobs", "show", job).stdout


def damage(installation):
    installation.daemon.execute(
        "deployment", "UPDATE placement SET current_tag = 'wrong' WHERE app_id % 3 = 0"
    )
    installation.daemon.execute("deployment", "DELETE FROM placement WHERE app_id % 3 = 1")
    installation.daemon.execute("version", "UPDATE placement SET tag = 'wrong' WHERE app_id % 3 = 0")
    installation.daemon.execute("version", "DELETE FROM placement_tool WHERE app_id % 3 = 1")


def test_projections_are_rebuilt_beside_requests(installation):
    daemon = installation.daemon
    token = daemon.login()["access_token"]
    expected = matrix(daemon, token)
    assert usage(daemon, token) == expected
    damage(installation)
    assert matrix(daemon, token) != expected
    assert usage(daemon, token) != expected
    stop = threading.Event()
    deployed = {}

    def write():
        with daemon.wire(token) as wire:
            for number in range(2, 2 + MAX_WRITES):
                if stop.is_set():
                    return
                # Not the damaged ones: a deployment there contradicts the one before.
                app = f"app-{(3 * number + 1) % APPS}" if number % 2 else f"new-{number}"
                deploy(wire, app, f"{number}.0.0")
                deployed[app] = f"{number}.0.0"

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for projection in ("matrix", "usage"):
            job = rebuild(installation, projection)
            wait_until(lambda job=job: is_done(installation, job), seconds=DEADLINE_SECONDS)
    finally:
        stop.set()
        writer.join()
    daemon.settle(token)
    assert deployed
    assert matrix(daemon, token) == expected | deployed
    assert usage(daemon, token) == expected | deployed
    code, report = installation.verify(token)
    assert (code, report["findings"]) == (0, [])


def test_a_rebuild_goes_on_after_a_kill(installation):
    daemon = installation.daemon
    token = daemon.login()["access_token"]
    expected = matrix(daemon, token)
    daemon.stop()
    damage(installation)
    jobs = [rebuild(installation, projection) for projection in ("matrix", "usage")]
    assert "already" in installation.run("rebuild", "matrix").stdout
    daemon.launch()
    daemon.await_alive()
    daemon.kill()
    # The runs that were killed hold leases.
    daemon.execute("deployment", "UPDATE job SET leased_until = 0 WHERE state = 'running'")
    daemon.start()
    for job in jobs:
        wait_until(lambda job=job: is_done(installation, job), seconds=DEADLINE_SECONDS)
    token = daemon.login()["access_token"]
    daemon.settle(token)
    assert matrix(daemon, token) == expected
    assert usage(daemon, token) == expected

"""Background jobs of a real server, as an operator sees and repairs them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from support.server import server_commands
from support.server.server_process import Daemon
from support.waiting import wait_until

INSERT = """
INSERT INTO job
    (kind, key, active_key, payload, state, attempts, run_at, lease, leased_until, error, created_at, updated_at)
VALUES (?, ?, ?, '{"number": 1}', ?, ?, 0, ?, 0, ?, 0, 0)
"""


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.end()


def command(daemon, *arguments):
    return server_commands.run("jobs", *arguments, "--data-dir", str(daemon.data))


def jobs(daemon, *arguments):
    result = command(daemon, "list", "--json", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return {job["id"]: job for job in map(json.loads, result.stdout.splitlines())}


def insert(daemon, service, *values):
    with closing(sqlite3.connect(daemon.data / f"{service}.db")) as connection, connection:
        return f"{service}:{connection.execute(INSERT, values).lastrowid}"


def await_state(daemon, name, state):
    wait_until(lambda: jobs(daemon)[name]["state"] == state, f"job {name} does not become {state}")


def test_housekeeping_of_every_service_is_listed_beside_the_running_server(daemon):
    daemon.start()
    assert {job["kind"] for job in jobs(daemon).values()} >= {
        *(
            f"{service}-housekeeping"
            for service in ("app", "version", "deployment", "audit", "gateway", "worker")
        ),
        "audit-checkpoint",
        "gateway-sweep",
    }
    text = command(daemon, "list").stdout
    assert len(text.splitlines()) == len(jobs(daemon))
    assert "app-housekeeping schedule  attempt 0\n" in text
    assert command(daemon, "list", "--state", "dead").stdout == "no jobs\n"


def test_a_dead_job_is_shown_retried_and_fails_again_with_its_reason(daemon):
    daemon.start()
    name = insert(daemon, "app", "unknown", "7", None, "dead", 8, "x", "OSError: no")
    assert jobs(daemon, "--state", "dead").keys() == {name}
    document = json.loads(command(daemon, "show", name).stdout)
    assert (document["id"], document["payload"], document["error"]) == (name, {"number": 1}, "OSError: no")
    assert command(daemon, "retry", name).stdout == f"job {name} runs as soon as the server does\n"
    wait_until(lambda: "no handler for jobs of the kind unknown" in jobs(daemon)[name]["error"])
    assert command(daemon, "cancel", name).stdout == f"job {name} is cancelled\n"
    assert jobs(daemon)[name]["state"] == "cancelled"


def test_a_job_whose_process_was_killed_runs_again(daemon):
    """The lease of the killed run has expired."""
    daemon.start()
    (name,) = (name for name, job in jobs(daemon).items() if job["kind"] == "audit-checkpoint")
    daemon.kill()
    with closing(sqlite3.connect(daemon.data / "audit.db")) as connection, connection:
        connection.execute(
            "UPDATE job SET state = 'running', lease = 'killed', leased_until = 1 WHERE kind = 'audit-checkpoint'"
        )
    assert jobs(daemon)[name]["state"] == "running"
    daemon.start()
    await_state(daemon, name, "ready")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "app:99"), "error: job 99 not found\n"),
        (("retry", "app:x"), "error: job app:x not found\nhint: run `envmgr-alm jobs list` to list them\n"),
        (("cancel", "nothing:1"), "error: service 'nothing' not found\nhint: use one of app, "),
        (("cancel", "app:1"), "error: job 1 is ready, runs at an interval, and cannot be cancelled\n"),
        (("list", "--state", "lost"), "invalid choice: 'lost'"),
    ],
)
def test_wrong_jobs_are_named(shared_daemon, arguments, message):
    result = command(shared_daemon, *arguments)
    assert result.returncode != 0
    assert result.stdout == ""
    assert message in result.stderr


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("alm"))
    try:
        yield daemon.start()
    finally:
        daemon.end()


AUTO_DEPLOY = "deployment-auto-deploy"
REFUSE_DEPLOYMENTS = """
CREATE TRIGGER refuse_deployments BEFORE INSERT ON deployment
BEGIN SELECT RAISE(ABORT, 'no space for deployments'); END
"""
CLAIM_NOTHING = f"""
CREATE TRIGGER claim_nothing BEFORE UPDATE ON job WHEN NEW.state = 'running' AND NEW.kind = '{AUTO_DEPLOY}'
BEGIN SELECT RAISE(IGNORE); END
"""


def change_schema(daemon, statement):
    with closing(sqlite3.connect(daemon.data / "deployment.db", timeout=30)) as connection:
        connection.execute(statement)


def register_version(daemon, app):
    """Register a version of a new app, which a rule is about."""
    with daemon.wire(daemon.login()["access_token"]) as wire:
        rules = {"auto_deploy": [{"app": app}]}
        assert wire.ask("PUT", f"/environments/of-{app}", {"rules": rules}).status == 201
        reply = wire.ask("POST", "/apps", {"name": app, "version": "1.0.0"})
        assert reply.status == 201, reply.text


def deployments_of(daemon, app):
    with daemon.wire(daemon.login()["access_token"]) as wire:
        return [
            (row["environment"], row["status"]) for row in wire.ask("GET", f"/deployments?app={app}").json
        ]


def await_auto_deploy(daemon, condition):
    """Wait until the job of the newest version meets a condition; return its ID."""

    def newest():
        name, job = max(
            ((name, job) for name, job in jobs(daemon).items() if job["kind"] == AUTO_DEPLOY),
            key=lambda pair: int(pair[0].partition(":")[2]),
            default=(None, {}),
        )
        return name if name is not None and condition(job) else None

    return wait_until(newest)


def test_a_version_whose_deployment_by_rule_fails_is_a_job_to_repair(daemon):
    daemon.start()
    change_schema(daemon, REFUSE_DEPLOYMENTS)
    register_version(daemon, "shop")
    name = await_auto_deploy(daemon, lambda job: "no space for deployments" in job["error"])
    assert deployments_of(daemon, "shop") == []
    assert jobs(daemon)[name]["payload"]["tag"] == "1.0.0"
    # The server retries the job by itself, which would be done before the command.
    change_schema(daemon, CLAIM_NOTHING)
    await_state(daemon, name, "ready")
    change_schema(daemon, "DROP TRIGGER refuse_deployments")
    assert command(daemon, "retry", name).returncode == 0
    change_schema(daemon, "DROP TRIGGER claim_nothing")
    await_state(daemon, name, "done")
    assert deployments_of(daemon, "shop") == [("of-shop", "pending")]


def test_a_server_killed_before_and_after_a_deployment_by_rule_deploys_once(daemon):
    daemon.start()
    change_schema(daemon, CLAIM_NOTHING)
    register_version(daemon, "shop")
    name = await_auto_deploy(daemon, lambda job: job["state"] == "ready")
    daemon.kill()
    change_schema(daemon, "DROP TRIGGER claim_nothing")
    daemon.start()
    await_state(daemon, name, "done")
    daemon.kill()
    daemon.start()
    assert deployments_of(daemon, "shop") == [("of-shop", "pending")]
    assert jobs(daemon)[name]["attempts"] == 1

"""One service restored to an earlier state: found at start, accepted, recorded in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server.installations import PostgresInstallation, SqliteInstallation
from support.services.postgres_server import NEEDS_POSTGRESQL
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SERVICES = ("app", "version", "deployment", "audit", "gateway", "worker")
INSTALLATIONS = {
    "sqlite": SqliteInstallation,
    "postgresql": PostgresInstallation,
}
ON_BOTH_DATABASES = pytest.mark.parametrize(
    "installation", ["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRESQL)], indirect=True
)
"""A source and the audit log read their own records of what others have; all else is above the databases."""


@pytest.fixture(params=["sqlite"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteInstallation]:
    """Yield a stopped server with two apps, whose databases are copied, and then two more."""
    installation = INSTALLATIONS[request.param](tmp_path)
    daemon = installation.daemon
    try:
        register(daemon.start(), "one", "two")
        daemon.stop()
        for service in ("app", "version", "deployment", "gateway", "audit"):
            installation.copy(service)
        register(daemon.start(), "three", "four")
        daemon.stop()
        yield installation
    finally:
        daemon.end()


def register(daemon, *names):
    """Create apps, each with a version that is deployed, and wait until all is audited."""
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        for name in names:
            app = created(wire, "/apps", {"name": name})
            version = created(wire, "/versions", {"app_id": app, "tag": "1.0.0"})
            deployment = created(wire, "/deployments", {"version_id": version, "environment": "prod"})
            for status in ("in_progress", "successful"):
                created(wire, f"/deployments/{deployment}/statuses", {"status": status})
        created(wire, "/auth/keys", {"name": names[0], "scopes": ["apps:read"]})
    daemon.settle(token)


def created(wire, path, body):
    reply = wire.ask("POST", path, body)
    assert reply.status == 201, reply.text
    return reply.json["id"]


def restart(installation):
    """Start the server; return an administrator's token."""
    return installation.daemon.start().login()["access_token"]


def entries(daemon, token, **filters):
    """Return the entries of the audit log, oldest first."""
    query = "&".join(["limit=200", "sort=seq", *(f"{name}={value}" for name, value in filters.items())])
    with daemon.wire(token) as wire:
        return wire.ask("GET", f"/audits?{query}").json


@ON_BOTH_DATABASES
def test_a_restored_source_continues_after_what_others_have(installation):
    daemon = installation.daemon
    installation.put_back("app")
    refused = installation.run("serve", "all")
    assert refused.returncode == 1
    assert "the database of app ends at event 2, but" in refused.stderr
    assert "`envmgr-alm restore --accept-gap SERVICE`" in refused.stderr

    accepted = installation.run("restore", "--accept-gap", "app")
    assert accepted.returncode == 0, accepted.stderr
    assert "events 3 to 4 of app are lost" in accepted.stdout
    assert "AppCreated app/4 by user:admin" in accepted.stdout

    token = restart(installation)
    (gap,) = wait_until(lambda: entries(daemon, token, event_type="SequenceGapRecorded"))
    assert (gap["source_service"], gap["source_sequence"], gap["resource"]) == ("app", 5, "service/app")
    assert gap["payload"] == {"service": "app", "first": 3, "last": 4}
    assert gap["actor"].startswith("operator:")

    with daemon.wire(token) as wire:
        five = wire.ask("POST", "/apps", {"name": "three"}).json["id"]
        assert five > 4
        changed = wire.ask("PATCH", "/apps/1", {"description": "after"})
        assert int(changed.header("ETag").strip('"').partition(".")[2]) > 1000
    wait_until(lambda: entries(daemon, token, event_type="AppCreated", resource=f"app/{five}"))
    wait_until(daemon.is_ready)
    code, report = installation.verify(token)
    assert (code, report["findings"]) == (0, [])
    assert report["recorded_gaps"] == [
        {"seq": gap["seq"], "service": "app", "first": 3, "last": 4, "actor": gap["actor"]}
    ]


def test_a_second_acceptance_changes_nothing(installation):
    installation.put_back("app")
    assert installation.run("restore", "--accept-gap", "app").returncode == 0
    again = installation.run("restore", "--accept-gap", "app")
    assert again.returncode == 1
    assert "the database of app lacks nothing" in again.stderr


def test_a_restored_consumer_receives_again_what_it_lacks(installation):
    """The version service is a source and a consumer: its projections know the new deployments again."""
    daemon = installation.daemon
    installation.put_back("version")
    assert "the database of version" in installation.run("serve", "all").stderr
    accepted = installation.run("restore", "--accept-gap", "version")
    assert accepted.returncode == 0, accepted.stderr
    assert "to version again" in accepted.stdout
    token = restart(installation)
    (gap,) = wait_until(lambda: entries(daemon, token, event_type="SequenceGapRecorded"))
    assert gap["payload"]["service"] == "version"
    with daemon.wire(token) as wire:
        assert wire.ask("GET", "/tools/nodejs/usage?range=*").status == 200
        assert wire.ask("POST", "/versions", {"app_id": 1, "tag": "2.0.0"}).json["id"] > 4
    wait_until(daemon.is_ready)
    assert installation.verify(token)[1]["findings"] == []


def test_usage_is_read_after_a_restored_deployment_service_continues(installation):
    """The gap is an event of the service, which usage waits for."""
    daemon = installation.daemon
    installation.put_back("deployment")
    accepted = installation.run("restore", "--accept-gap", "deployment")
    assert accepted.returncode == 0, accepted.stderr
    token = restart(installation)
    wait_until(lambda: entries(daemon, token, event_type="SequenceGapRecorded"))
    with daemon.wire(token) as wire:
        wait_until(lambda: wire.ask("GET", "/tools/nodejs/usage?range=*").status == 200)
    wait_until(daemon.is_ready)


def test_a_restored_gateway_continues(installation):
    daemon = installation.daemon
    installation.put_back("gateway")
    assert installation.run("restore", "--accept-gap", "gateway").returncode == 0
    token = restart(installation)
    wait_until(lambda: entries(daemon, token, event_type="SequenceGapRecorded"))
    wait_until(daemon.is_ready)
    code, report = installation.verify(token)
    assert (code, report["findings"]) == (0, [])


@ON_BOTH_DATABASES
def test_a_restored_audit_log_receives_again_what_it_lacks(installation):
    daemon = installation.daemon
    installation.put_back("audit")
    assert "the database of audit" in installation.run("serve", "all").stderr
    accepted = installation.run("restore", "--accept-gap", "audit")
    assert accepted.returncode == 0, accepted.stderr
    token = restart(installation)
    wait_until(lambda: len(entries(daemon, token, event_type="AppCreated")) >= 4)
    resources = [entry["resource"] for entry in entries(daemon, token, event_type="AppCreated")]
    assert resources == ["app/1", "app/2", "app/3", "app/4"]
    wait_until(daemon.is_ready)
    code, report = installation.verify(token)
    assert (code, report["findings"], report["recorded_gaps"]) == (0, [], [])


def test_events_that_no_outbox_retains_are_recorded_as_missing_from_a_restored_log(installation):
    daemon = installation.daemon
    token = restart(installation)
    installation.execute("app", "DELETE FROM outbox WHERE sequence <= 3")
    daemon.stop()
    installation.put_back("audit")
    accepted = installation.run("restore", "--accept-gap", "audit")
    assert "audit lacks events 3 to 3 of app" in accepted.stdout
    token = restart(installation)
    (gap,) = wait_until(lambda: entries(daemon, token, event_type="SequenceGapRecorded"))
    assert gap["payload"] == {"service": "app", "first": 3, "last": 3}
    wait_until(daemon.is_ready)
    code, report = installation.verify(token)
    assert (code, report["findings"]) == (0, [])
    assert [(gap["first"], gap["last"]) for gap in report["recorded_gaps"]] == [(3, 3)]
    with daemon.wire() as wire:
        checks = {check["name"]: check["detail"] for check in wire.ask("GET", "/readyz").json["checks"]}
        metrics = wire.ask("GET", "/metrics").body.decode()
    assert "recorded as lost 1 from app" in checks["audit"]
    missing = [line for line in metrics.splitlines() if line.startswith("alm_audit_missing_events{")]
    assert missing
    assert [line for line in missing if not line.endswith(" 0.0")] == []


def test_a_running_server_is_left_alone(installation):
    installation.daemon.start()
    refused = installation.run("restore", "--accept-gap", "app")
    assert refused.returncode == 1
    assert "in use by another server" in refused.stderr


@NEEDS_POSTGRESQL
def test_databases_without_a_common_name_are_named_one_by_one(tmp_path):
    installation = PostgresInstallation(tmp_path)
    prefix = installation.environment["DB_URL"]
    daemon = installation.daemon
    try:
        register(daemon.start(), "one")
        daemon.stop()
        installation.copy("app")
        register(daemon.start(), "two")
        daemon.stop()
        installation.put_back("app")
        urls = {f"{service.upper()}_DB_URL": f"{prefix}_{service}" for service in SERVICES}
        installation.environment = {"APP_DB_URL": urls["APP_DB_URL"]}
        assert "VERSION_DB_URL" in installation.run("restore", "--accept-gap", "app").stderr
        installation.environment = urls
        accepted = installation.run("restore", "--accept-gap", "app")
        assert accepted.returncode == 0, accepted.stderr
        assert "events 2 to 2 of app are lost" in accepted.stdout
        token = restart(installation)
        wait_until(lambda: entries(daemon, token, event_type="SequenceGapRecorded"))
        wait_until(daemon.is_ready)
    finally:
        daemon.end()

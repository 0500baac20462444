"""A service beside others that gets an older copy of its database."""

from __future__ import annotations

from functools import partial

import pytest

from envmgr.kit.audit_log.hash_chain import Verifier
from envmgr.server.bootstrap.registry import SERVICE_NAMES
from support import waiting
from support.server import server_commands
from support.server.cluster import NEEDS_CLUSTER, Cluster
from support.server.concurrent_writers import pages
from support.server.loaded_cluster import PROGRESS_TIMEOUT_SECONDS
from support.services.database_runners import postgres_databases
from support.services.nats_server import create_nats_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
RUNNING = ("app", "audit", "gateway")
"""The service with an older database, and those that know how many of its events there were."""
RESTORE_VARIABLES = ("BUS_URL", "ALM_BUS_PREFIX", "JWT_SECRET", "ALM_DATA_DIR")
CURE = "`envmgr-alm restore --accept-gap SERVICE`"
wait_until = partial(waiting.wait_until, seconds=PROGRESS_TIMEOUT_SECONDS)


@pytest.fixture
def cluster(tmp_path):
    broker = create_nats_server().start()
    cluster = Cluster(tmp_path, broker.url)
    try:
        for start in ("launch", "await_alive"):
            for name in RUNNING:
                getattr(cluster.services[name], start)()
        yield cluster
    finally:
        cluster.end()
        broker.close()


def test_a_service_with_an_older_database_goes_on_after_the_gap_is_recorded(cluster):
    app = cluster.services["app"]
    wait_until(app.is_ready)
    token = cluster.gateway.login()["access_token"]
    create_apps(cluster, token, "one", "two")
    assert app.stop() == 0
    postgres_databases().copy(cluster.database("app"))
    app.start()
    create_apps(cluster, token, "three", "four")
    assert app.stop() == 0
    postgres_databases().put_back(cluster.database("app"))

    check_refused_at_start(app)
    check_refusal_once_the_others_answer(cluster, token)
    accepted = accept_gap(cluster, "app")
    assert accepted.returncode == 0, accepted.stderr
    assert "events 3 to 4 of app are lost" in accepted.stdout

    app.start()
    (five,) = create_apps(cluster, token, "five")
    assert five > 4
    check_chain(audit_log(cluster, token))
    wait_until(cluster.services["audit"].is_ready)


def create_apps(cluster, token, *names):
    """Create apps and return their IDs once each is in the audit log."""
    with cluster.services["app"].wire(token, timeout=60) as wire:
        replies = [wire.ask("POST", "/apps", {"name": name}) for name in names]
    assert {reply.status for reply in replies} == {201}
    resources = {f"app/{reply.json['id']}" for reply in replies}
    wait_until(lambda: resources <= {entry["resource"] for entry in audit_log(cluster, token)})
    return [reply.json["id"] for reply in replies]


def audit_log(cluster, token):
    with cluster.services["audit"].wire(token, timeout=60) as wire:
        return list(pages(wire, "/audits?sort=seq&limit=200"))


def check_chain(entries):
    """Check that the chain is intact, and lacks no event but those whose loss was recorded."""
    verifier = Verifier()
    findings = [finding for entry in entries for finding in verifier.add(entry)]
    assert [*findings, *verifier.finish()] == []
    assert [(gap.source, gap.first, gap.last) for gap in verifier.recorded_gaps] == [("app", 3, 4)]


def check_refused_at_start(app):
    """Check that the service refuses to start where the others answer in time, which they may not at once."""
    earlier = len(app.output)
    wait_until(lambda: has_ended_at_start(app), "the others do not answer in time")
    assert app.wait() == 1
    message = app.output[earlier:]
    assert "databases are not of one time: the database of app ends at event 2, but" in message
    assert CURE in message
    assert "Traceback" not in message


def has_ended_at_start(app):
    """Start the service; stop it if it serves, and return whether it has ended by itself."""
    app.launch()
    wait_until(lambda: not app.is_running or app.is_alive(), "the service neither serves nor ends")
    if app.is_running:
        assert app.stop() == 0
        return False
    return True


def check_refusal_once_the_others_answer(cluster, token):
    """Start the service while the others do not answer: it cannot compare its database with theirs."""
    app, *peers = (cluster.services[name] for name in RUNNING)
    for peer in peers:
        peer.pause()
    try:
        app.launch()
        app.await_alive()
        wait_until(lambda: consistency_of(app).startswith("not compared yet with "))
    finally:
        for peer in peers:
            peer.resume()
    wait_until(lambda: is_older_copy(consistency_of(app)))
    assert not app.is_ready()
    # Its calls of the gateway may be refused for a while, as that did not answer.
    wait_until(lambda: CURE in refusal_of_an_app(app, token))
    assert app.stop() == 0


def consistency_of(app):
    """Return how the service compares its database with those of the others; its check may time out."""
    return app.readiness().get("consistency", "")


def is_older_copy(consistency):
    return "the database of app ends at event 2, but" in consistency and CURE in consistency


def refusal_of_an_app(app, token):
    """Return why the service creates no app."""
    with app.wire(token, timeout=60) as wire:
        refusal = wire.ask("POST", "/apps", {"name": "refused"})
    assert refusal.status == 503
    return refusal.json["detail"]


def accept_gap(cluster, service):
    """Run the command with the databases of all services; the others run."""
    environment = {name: cluster.environment("audit")[name] for name in RESTORE_VARIABLES}
    urls = {f"{name.upper()}_DB_URL": cluster.environment(name)["DB_URL"] for name in SERVICE_NAMES}
    return server_commands.run("restore", "--accept-gap", service, environment={**environment, **urls})

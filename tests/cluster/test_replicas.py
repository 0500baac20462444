"""Two processes of each service on one database: races have one winner, and every event one effect."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from envmgr.kit.audit_log.hash_chain import Verifier
from support.server.cluster import NEEDS_CLUSTER, Cluster
from support.server.concurrent_writers import pages
from support.services.nats_server import create_nats_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
CLIENTS, ROUNDS = 32, 8
CATCH_UP_SECONDS, POLL_SECONDS = 120, 0.2


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    """Yield a cluster, and by service both of its processes."""
    broker = create_nats_server().start()
    cluster = Cluster(tmp_path_factory.mktemp("replicas"), broker.url)
    others = {service: cluster.replica(service, GRPC_PORT="0") for service in cluster.services}
    try:
        cluster.start()
        for other in others.values():
            other.launch()
        for other in others.values():
            other.await_ready()
        yield cluster, {service: (first, others[service]) for service, first in cluster.services.items()}
    finally:
        for other in others.values():
            other.end()
        cluster.end()
        broker.close()


@pytest.fixture(scope="module")
def admin(replicas):
    return replicas[0].gateway.login()["access_token"]


def race(daemons, token, requests):
    """Send requests at once, alternately to these processes; return the replies."""

    def send(daemon, request):
        with daemon.wire(token, timeout=60) as wire:
            return wire.ask(*request)

    with ThreadPoolExecutor(CLIENTS) as threads:
        return list(threads.map(send, cycle(daemons), requests))


def statuses(replies):
    return Counter(reply.status for reply in replies)


def check_one_winner(replies, winner, loser):
    """Check that one request succeeded: at most one if some are answered 503, whose effect is unknown."""
    check_some_winner(replies, winner, loser)
    assert statuses(replies)[winner] <= 1


def check_some_winner(replies, winner, loser):
    """Check that a request succeeded, or that the effect of some is unknown."""
    assert set(statuses(replies)) <= {winner, loser, 503}
    assert statuses(replies)[winner] or statuses(replies)[503]


def check_existing_app(replicas, token, name, replies):
    """Check that exactly one app has a name, and that it is the one of the requests that created it."""
    apps = [app for app in all_pages(replicas[0], token, "/apps?limit=200") if app["name"] == name]
    assert len(apps) == 1
    assert {reply.json["id"] for reply in replies if reply.status == 201} <= {apps[0]["id"]}


def revision(reply):
    """Return the number of a resource's changes, which is the end of its ETag."""
    return int(reply.header("etag").strip('"').rpartition(".")[2])


@pytest.mark.parametrize("service", ["app", "gateway"])
def test_one_of_several_apps_gets_a_name(replicas, admin, service):
    for number in range(ROUNDS):
        request = "POST", "/apps", {"name": f"{service}-{number}"}
        replies = race(replicas[1][service], admin, [request] * CLIENTS)
        check_one_winner(replies, 201, 409)
        check_existing_app(replicas, admin, f"{service}-{number}", replies)


def test_a_repeated_request_has_one_effect(replicas, admin):
    for number in range(ROUNDS):
        request = "POST", "/apps", {"name": f"once-{number}"}, {"Idempotency-Key": f'"key-{number}"'}
        replies = race(replicas[1]["gateway"], admin, [request] * CLIENTS)
        check_some_winner(replies, 201, 409)  # 409: the same request is in progress
        check_existing_app(replicas, admin, f"once-{number}", replies)


def test_a_refresh_token_is_used_once(replicas):
    for _ in range(ROUNDS):
        tokens = replicas[0].gateway.login()
        request = "POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]}
        replies = race(replicas[1]["gateway"], "", [request] * CLIENTS)
        check_one_winner(replies, 200, 401)


def test_a_condition_is_met_by_one_of_several_changes(replicas, admin):
    (before,) = race(replicas[1]["app"][:1], admin, [("POST", "/apps", {"name": "conditional"})])
    assert before.status == 201
    for number in range(ROUNDS):
        condition = {"If-Match": before.header("etag")}
        changes = [{"description": f"{number} {client}"} for client in range(CLIENTS)]
        requests = [("PATCH", "/apps/conditional", change, condition) for change in changes]
        replies = race(replicas[1]["gateway"], admin, requests)
        check_one_winner(replies, 200, 412)
        (after,) = race(replicas[1]["app"][:1], admin, [("GET", "/apps/conditional")])
        assert revision(after) == revision(before) + 1
        winners = {reply.json["description"] for reply in replies if reply.status == 200}
        assert winners <= {after.json["description"]}
        before = after


@pytest.mark.parametrize(
    ("service", "target", "members"),
    [
        ("deployment", "/environments", {"name": "same"}),
        ("gateway", "/users", {"username": "same", "password": "a long enough one", "role": "viewer"}),
        ("version", "/versions", {"tag": "same"}),
    ],
)
def test_one_of_several_resources_gets_a_name(replicas, admin, service, target, members):
    of_app = {"app_id": create_app(replicas, admin, "with-versions")["id"]} if service == "version" else {}
    replies = race(replicas[1][service], admin, [("POST", target, {**members, **of_app})] * CLIENTS)
    check_one_winner(replies, 201, 409)


def test_one_of_several_contents_of_a_version_is_stored(replicas, admin):
    create_app(replicas, admin, "pushed")
    contents = [{"commit": f"{number:040x}"} for number in range(CLIENTS)]
    requests = [("PUT", "/apps/pushed/versions/1", content) for content in contents]
    replies = race(replicas[1]["gateway"], admin, requests)
    check_one_winner(replies, 201, 409)
    (stored,) = race(replicas[1]["version"][:1], admin, [("GET", "/apps/pushed/versions/1")])
    assert {reply.json["commit"] for reply in replies if reply.status == 201} <= {stored.json["commit"]}


@pytest.mark.parametrize(("service", "field"), [("deployment", "sort_order"), ("version", "changelog")])
def test_a_condition_on_any_resource_is_met_once(replicas, admin, service, field):
    target = create_conditional(replicas, admin, service)
    (before,) = race(replicas[1][service][:1], admin, [("GET", target)])
    changes = [
        {field: number if service == "deployment" else str(number)} for number in range(1, 1 + CLIENTS)
    ]
    condition = {"If-Match": before.header("etag")}
    requests = [("PATCH", target, change, condition) for change in changes]
    replies = race(replicas[1][service], admin, requests)
    check_one_winner(replies, 200, 412)
    (after,) = race(replicas[1][service][:1], admin, [("GET", target)])
    assert revision(after) == revision(before) + 1


def create_conditional(replicas, token, service):
    """Create an environment or a version; return its path."""
    if service == "version":
        return f"/versions/{create_version(replicas[0], token, 'conditional-version')}"
    with replicas[0].gateway.wire(token, timeout=60) as wire:
        reply = wire.ask("POST", "/environments", {"name": "conditional"})
    assert reply.status == 201, reply.text
    return "/environments/conditional"


def create_app(replicas, token, name):
    """Create an app."""
    with replicas[0].gateway.wire(token, timeout=60) as wire:
        reply = wire.ask("POST", "/apps", {"name": name})
    assert reply.status == 201, reply.text
    return reply.json


def test_an_environment_is_created_by_one_of_several_deployments(replicas, admin):
    versions = [create_version(replicas[0], admin, f"many-{number}") for number in range(CLIENTS)]
    for number in range(ROUNDS):
        name = f"env-{number}"
        requests = [("POST", "/deployments", {"version_id": v, "environment": name}) for v in versions]
        replies = race(replicas[1]["deployment"], admin, requests)
        assert set(statuses(replies)) <= {201, 503}
        deployments = all_pages(replicas[0], admin, f"/deployments?environment={name}&limit=200")
        assert len({item["app_id"] for item in deployments}) == len(deployments)
        assert len(deployments) >= statuses(replies)[201] > 0
        names = [item["name"] for item in all_pages(replicas[0], admin, "/environments?limit=200")]
        assert names.count(name) == 1


def create_version(cluster, token, name):
    """Create an app with its first version; return the version's id."""
    with cluster.gateway.wire(token, timeout=60) as wire:
        reply = wire.ask("POST", "/apps", {"name": name, "version": "1"})
    assert reply.status == 201, reply.text
    return reply.json["version"]["id"]


def test_the_audit_has_each_event_once(replicas, admin):
    """Late: what all tests above did, and this one, is in the log, once and in a chain without a gap."""
    cluster, _ = replicas
    app_names = {f"audited-{number}" for number in range(2 * CLIENTS)}
    replies = race(replicas[1]["gateway"], admin, [("POST", "/apps", {"name": name}) for name in app_names])
    assert set(statuses(replies)) <= {201, 503}
    created = {app["name"] for app in all_pages(cluster, admin, "/apps?limit=200")}
    assert len(created & app_names) >= statuses(replies)[201] > 0

    def names():
        entries = all_pages(cluster, admin, "/audits?event_type=AppCreated&limit=200")
        return sorted(entry["payload"]["name"] for entry in entries)

    deadline = time.monotonic() + CATCH_UP_SECONDS
    while names() != sorted(created):
        assert time.monotonic() < deadline, Counter(names()) - Counter(created)
        time.sleep(POLL_SECONDS)
    verifier = Verifier()
    entries = all_pages(cluster, admin, "/audits?sort=seq&limit=200")
    assert [*(error for entry in entries for error in verifier.add(entry)), *verifier.finish()] == []
    with cluster.services["audit"].wire() as wire:
        assert wire.ask("GET", "/readyz").status == 200


def test_the_second_processes_end_with_status_0(replicas):
    for process in (process for pair in replicas[1].values() for process in pair):
        check_log(process.output)
    for _, second in replicas[1].values():
        before = len(second.output)
        assert second.stop() == 0
        check_log(second.output[before:])


def check_log(text):
    assert "Traceback" not in text
    assert [line for line in text.splitlines() if '"level":"error"' in line] == []


def all_pages(cluster, token, target):
    with cluster.gateway.wire(token) as wire:
        return list(pages(wire, target))

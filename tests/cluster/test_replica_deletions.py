"""Deletions that race with uses of the same resource, on two processes of each service."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, zip_longest
from threading import Barrier

import pytest

from envmgr.kit.audit_log.hash_chain import Verifier
from support.server.cluster import NEEDS_CLUSTER, Cluster
from support.server.concurrent_writers import lock, pages
from support.server.loaded_cluster import wait_until
from support.server.server_process import ADMIN_PASSWORD
from support.services.nats_server import create_nats_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
CLIENTS, ROUNDS = 32, 4
DEPLOYMENTS = (1, 4, 12, 24)
"""Of the clients, how many deploy in each round; the others delete."""
UNKNOWN = 503
"""The status of a request that may have had its effect."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    broker = create_nats_server().start()
    cluster = Cluster(tmp_path_factory.mktemp("deletions"), broker.url, replicas=2)
    try:
        yield cluster.start()
    finally:
        cluster.end()
        broker.close()


class Admin:
    """The admin that is left: a test may remove the one before."""

    def __init__(self, gateway, name="admin"):
        self.name = name
        self.token = gateway.login(name, ADMIN_PASSWORD)["access_token"]


@pytest.fixture(scope="module")
def admins(cluster):
    """The last admin, in a list."""
    return [Admin(cluster.gateway)]


@pytest.fixture
def ask(cluster, admins):
    def ask(*request, token=""):
        with cluster.gateway.wire(token or admins[0].token, timeout=60) as wire:
            return wire.ask(*request)

    return ask


@pytest.fixture
def list_all(cluster, admins):
    def list_all(target):
        with cluster.gateway.wire(admins[0].token, timeout=60) as wire:
            return list(pages(wire, target))

    return list_all


def race(calls):
    """Send requests, each of a daemon and a token, all at once; return the replies."""
    barrier = Barrier(len(calls))

    def send(call):
        daemon, token, *request = call
        with daemon.wire(token, timeout=60) as wire:
            barrier.wait()
            return wire.ask(*request)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(send, calls))


def alternating(first, second):
    """Return both lists as one, in turn while both last."""
    pairs = zip_longest(first, second)
    return [call for pair in pairs for call in pair if call is not None]


def calls_of(daemons, token, requests):
    return [(daemon, token, *request) for daemon, request in zip(cycle(daemons), requests, strict=False)]


def created(reply):
    assert reply.status == 201, reply.text
    return reply.json


def check_counts(replies, status, count):
    """Check the number of effects: replies with this status, and perhaps some whose effect is unknown."""
    statuses = Counter(reply.status for reply in replies)
    assert statuses[status] <= count <= statuses[status] + statuses[UNKNOWN], (statuses, count)


def audited(list_all, event_type, key, value):
    """Count the audit entries of a type about a resource."""
    entries = list_all(f"/audits?event_type={event_type}&limit=200")
    return sum(entry["payload"][key] == value for entry in entries)


@pytest.mark.parametrize("kind", ["app", "version"])
@pytest.mark.parametrize("is_direct", [False, True], ids=["gateway", "own-ports"])
def test_what_is_deleted_is_not_deployed(cluster, admins, ask, list_all, kind, is_direct):
    for number in range(ROUNDS):
        name = f"{kind}-{int(is_direct)}-{number}"
        app = created(ask("POST", "/apps", {"name": name, "version": "1"}))
        deleted, key = (app, "app_id") if kind == "app" else (app["version"], "version_id")
        target = f"/{kind}s/{deleted['id']}"
        uses = [
            ("POST", "/deployments", {"version_id": app["version"]["id"], "environment": f"{name}-{client}"})
            for client in range(DEPLOYMENTS[number])
        ]
        deletions = [("DELETE", target)] * (CLIENTS - len(uses))
        owners = ("deployment", kind) if is_direct else ("gateway", "gateway")
        uses, deletions = (
            calls_of(cluster.replicas[owner], admins[0].token, requests)
            for owner, requests in zip(owners, (uses, deletions), strict=True)
        )
        replies = race(alternating(uses, deletions))
        assert {reply.status for reply in replies} <= {201, 204, 404, 409, UNKNOWN}
        active = [row for row in list_all("/deployments?limit=200") if row[key] == deleted["id"]]
        is_deleted = ask("GET", target).status == 404
        assert is_deleted == (active == []), (name, len(active))
        check_counts(replies, 204, int(is_deleted))
        check_counts(replies, 201, len(active))
        if not is_deleted:
            check_holds_are_released(ask, app["version"], f"{name}-after")
        wait_until(
            partial(is_audited, list_all, kind, key, deleted["id"], int(is_deleted), len(active)),
            "the audit does not match",
        )


def check_holds_are_released(ask, version, environment):
    """Check that a version can be deployed after deletions that were refused."""
    body = {"version_id": version["id"], "environment": environment}
    wait_until(lambda: ask("POST", "/deployments", body).status == 201, "a refused deletion still holds")


def is_audited(list_all, kind, key, resource, deletions, deployments):
    """Return whether the audit has one entry of each effect."""
    event_type = {"app": "AppDeleted", "version": "VersionDeleted"}[kind]
    after = 0 if deletions else 1
    return (
        audited(list_all, event_type, key, resource) == deletions
        and audited(list_all, "DeploymentCreated", key, resource) == deployments + after
    )


def test_an_environment_that_is_deleted_has_no_deployment(cluster, admins, ask, list_all):
    versions = [
        created(ask("POST", "/apps", {"name": f"tenant-{number}", "version": "1"}))["version"]["id"]
        for number in range(CLIENTS // 2)
    ]
    for number in range(ROUNDS):
        name = f"contested-{number}"
        created(ask("POST", "/environments", {"name": name}))
        uses = [("POST", "/deployments", {"version_id": id_, "environment": name}) for id_ in versions]
        deletions = [("DELETE", f"/environments/{name}")] * (CLIENTS - len(uses))
        processes = cluster.replicas["deployment"]
        replies = race(
            alternating(
                calls_of(processes, admins[0].token, uses), calls_of(processes, admins[0].token, deletions)
            )
        )
        assert {reply.status for reply in replies} <= {201, 204, 404, 409, UNKNOWN}
        deployed = list_all(f"/deployments?environment={name}&limit=200")
        check_counts(replies, 201, len(deployed))
        assert len({row["app_id"] for row in deployed}) == len(deployed)
        exists = ask("GET", f"/environments/{name}").status == 200
        assert exists or not deployed
        wait_until(
            lambda: (
                audited(list_all, "EnvironmentCreated", "name", name)  # noqa: B023 - called at once
                - audited(list_all, "EnvironmentDeleted", "name", name)  # noqa: B023 - called at once
                == int(exists)  # noqa: B023 - called at once
            ),
            "the audit does not match",
        )


def test_an_app_has_one_active_deployment_in_an_environment(cluster, admins, ask, list_all):
    for number in range(ROUNDS):
        version = created(ask("POST", "/apps", {"name": f"single-{number}", "version": "1"}))["version"]
        request = "POST", "/deployments", {"version_id": version["id"], "environment": "single"}
        replies = race(calls_of(cluster.replicas["deployment"], admins[0].token, [request] * CLIENTS))
        assert {reply.status for reply in replies} <= {201, 409, UNKNOWN}
        rows = list_all("/deployments?environment=single&limit=200")
        active = [row for row in rows if row["version_id"] == version["id"]]
        check_counts(replies, 201, len(active))
        assert len(active) == 1


def test_a_lock_stays_while_a_version_has_it(cluster, admins, ask, list_all):
    """The row of a lock is deleted with its last version, while others with the same lock are created."""
    for number in range(ROUNDS):
        app = created(ask("POST", "/apps", {"name": f"locked-{number}"}))
        body = {"toolchain": {"lock": lock(f"20.11.{number}")}}
        version = created(ask("PUT", f"/apps/{app['id']}/versions/0", body))
        additions = [("PUT", f"/apps/{app['id']}/versions/{tag}", body) for tag in range(1, CLIENTS // 2 + 1)]
        deletions = [("DELETE", f"/versions/{version['id']}")] * (CLIENTS - len(additions))
        processes = cluster.replicas["version"]
        replies = race(
            alternating(
                calls_of(processes, admins[0].token, additions),
                calls_of(processes, admins[0].token, deletions),
            )
        )
        assert {reply.status for reply in replies} <= {201, 204, 404, 409, UNKNOWN}
        existing = list_all(f"/apps/{app['id']}/versions?limit=200")
        others = [row for row in existing if row["id"] != version["id"]]
        check_counts(replies, 201, len(others))
        for row in existing:
            reply = ask("GET", f"/versions/{row['id']}/lock")
            assert (reply.status, reply.json["lock"]) == (200, body["toolchain"]["lock"])


REMOVALS = {
    "deleted": ("DELETE", None),
    "demoted": ("PATCH", {"role": "viewer"}),
    "deactivated": ("PATCH", {"active": False}),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_of_two_admins_who_remove_each_other_one_remains(cluster, admins, list_all, removal):
    method, body = REMOVALS[removal]
    for number in range(ROUNDS):
        first = admins[0]
        name = f"{removal}-{number}"
        with cluster.gateway.wire(first.token) as wire:
            created(
                wire.ask("POST", "/users", {"username": name, "password": ADMIN_PASSWORD, "role": "admin"})
            )
        second = Admin(cluster.gateway, name)
        calls = [
            (daemon, remover.token, method, f"/users/{removed.name}", body)
            for daemon, (remover, removed) in zip(
                cluster.replicas["gateway"] * (CLIENTS // 2),
                cycle([(first, second), (second, first), (second, first), (first, second)]),
                strict=False,
            )
        ]
        replies = race(calls)
        assert {reply.status for reply in replies} <= {200, 204, 401, 403, 404, 409, UNKNOWN}
        admins[0] = remaining(cluster, first, second)
        rows = [row for row in list_all("/users?limit=200") if row["role"] == "admin" and row["active"]]
        assert [row["username"] for row in rows] == [admins[0].name]


def remaining(cluster, *candidates):
    """Return the admin of two who can still sign in, with a new session."""
    with cluster.gateway.wire() as wire:
        replies = {
            admin.name: wire.ask("POST", "/auth/login", {"username": admin.name, "password": ADMIN_PASSWORD})
            for admin in candidates
        }
    sessions = {name: reply.json["access_token"] for name, reply in replies.items() if reply.status == 200}
    names = []
    for name, token in sessions.items():
        with cluster.gateway.wire(token) as wire:
            if wire.ask("GET", "/users?limit=1").status == 200:
                names.append(name)
    assert len(names) == 1, (names, {name: reply.status for name, reply in replies.items()})
    return Admin(cluster.gateway, names[0])


def test_the_audit_is_one_chain(cluster, list_all):
    verifier = Verifier()
    entries = list_all("/audits?sort=seq&limit=200")
    assert [*(error for entry in entries for error in verifier.add(entry)), *verifier.finish()] == []
    for process in cluster.processes:
        errors = [line for line in process.output.splitlines() if '"level":"error"' in line]
        assert [line for line in errors if f'"status":{UNKNOWN},' not in line] == []
        assert "Traceback" not in process.output

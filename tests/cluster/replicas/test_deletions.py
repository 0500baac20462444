"""Deletions that race with uses of the same resource, on two processes of each service."""

from __future__ import annotations

from functools import partial

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.concurrent_writers import lock
from support.server.loaded_cluster import wait_until
from support.server.races import (
    CLIENTS,
    UNAVAILABLE,
    alternating,
    calls_of,
    check_counts,
    created,
    send_at_once,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
ROUNDS = 4
DEPLOYMENTS = (1, 4, 12, 24)
"""Of the clients, how many deploy in each round; the others delete."""


@pytest.mark.parametrize("kind", ["app", "version"])
@pytest.mark.parametrize("is_direct", [False, True], ids=["gateway", "own-ports"])
def test_what_is_deleted_is_not_deployed(cluster, admins, ask, list_all, audited, kind, is_direct):
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
        replies = send_at_once(alternating(uses, deletions))
        assert {reply.status for reply in replies} <= {201, 204, 404, 409, UNAVAILABLE}
        active = [row for row in list_all("/deployments?limit=200") if row[key] == deleted["id"]]
        is_deleted = ask("GET", target).status == 404
        assert is_deleted == (active == []), (name, len(active))
        check_counts(replies, 204, int(is_deleted))
        check_counts(replies, 201, len(active))
        if not is_deleted:
            check_holds_are_released(ask, app["version"], f"{name}-after")
        wait_until(
            partial(is_audited, audited, kind, key, deleted["id"], int(is_deleted), len(active)),
            "the audit does not match",
        )


def check_holds_are_released(ask, version, environment):
    """Check that a version can be deployed after deletions that were refused."""
    body = {"version_id": version["id"], "environment": environment}
    wait_until(lambda: ask("POST", "/deployments", body).status == 201, "a refused deletion still holds")


def is_audited(audited, kind, key, resource, deletions, deployments):
    """Return whether the audit has one entry of each effect."""
    event_type = {"app": "AppDeleted", "version": "VersionDeleted"}[kind]
    after = 0 if deletions else 1
    return (
        audited(event_type, key, resource) == deletions
        and audited("DeploymentCreated", key, resource) == deployments + after
    )


def test_an_environment_that_is_deleted_has_no_deployment(cluster, admins, ask, list_all, audited):
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
        replies = send_at_once(
            alternating(
                calls_of(processes, admins[0].token, uses), calls_of(processes, admins[0].token, deletions)
            )
        )
        assert {reply.status for reply in replies} <= {201, 204, 404, 409, UNAVAILABLE}
        deployed = list_all(f"/deployments?environment={name}&limit=200")
        check_counts(replies, 201, len(deployed))
        assert len({row["app_id"] for row in deployed}) == len(deployed)
        exists = ask("GET", f"/environments/{name}").status == 200
        assert exists or not deployed
        wait_until(
            lambda: (
                audited("EnvironmentCreated", "name", name)  # noqa: B023 - called at once
                - audited("EnvironmentDeleted", "name", name)  # noqa: B023 - called at once
                == int(exists)  # noqa: B023 - called at once
            ),
            "the audit does not match",
        )


def test_an_app_has_one_active_deployment_in_an_environment(cluster, admins, ask, list_all):
    for number in range(ROUNDS):
        version = created(ask("POST", "/apps", {"name": f"single-{number}", "version": "1"}))["version"]
        request = "POST", "/deployments", {"version_id": version["id"], "environment": "single"}
        replies = send_at_once(calls_of(cluster.replicas["deployment"], admins[0].token, [request] * CLIENTS))
        assert {reply.status for reply in replies} <= {201, 409, UNAVAILABLE}
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
        replies = send_at_once(
            alternating(
                calls_of(processes, admins[0].token, additions),
                calls_of(processes, admins[0].token, deletions),
            )
        )
        assert {reply.status for reply in replies} <= {201, 204, 404, 409, UNAVAILABLE}
        existing = list_all(f"/apps/{app['id']}/versions?limit=200")
        others = [row for row in existing if row["id"] != version["id"]]
        check_counts(replies, 201, len(others))
        for row in existing:
            reply = ask("GET", f"/versions/{row['id']}/lock")
            assert (reply.status, reply.json["lock"]) == (200, body["toolchain"]["lock"])

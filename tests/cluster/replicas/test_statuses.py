"""Statuses of one deployment, sent at once to two processes: the history is one of some order."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import cycle, islice

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import wait_until
from support.server.races import (
    CLIENTS,
    UNAVAILABLE,
    Admin,
    alternating,
    calls_of,
    check_counts,
    check_winner,
    created,
    send_at_once,
    statuses,
)
from support.server.server_process import ADMIN_PASSWORD

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
ROUNDS = 4
FINAL = ("successful", "failed", "cancelled")


@pytest.fixture
def version(request, ask):
    """The id of a version of an app of the test."""
    app = {"name": f"app-{abs(hash(request.node.name)) % 10**8}", "version": "1"}
    return created(ask("POST", "/apps", app))["version"]["id"]


@pytest.fixture
def deploy(ask):
    """Deploy a version to an environment; return the path of the deployment."""

    def deploy(version, environment):
        body = {"version_id": version, "environment": environment}
        return f"/deployments/{created(ask('POST', '/deployments', body))['id']}"

    return deploy


@pytest.fixture
def history(list_all):
    """Return the statuses of a deployment, sorted."""
    return lambda target: sorted(entry["status"] for entry in list_all(f"{target}/statuses?limit=200"))


def moves(target, *names):
    """Return as many requests as clients, for these statuses in turn."""
    return [("POST", f"{target}/statuses", {"status": name}) for name in islice(cycle(names), CLIENTS)]


@pytest.mark.parametrize("service", ["deployment", "gateway"])
def test_a_deployment_gets_one_of_several_final_statuses(
    race, ask, version, deploy, history, audited, service
):
    for number in range(ROUNDS):
        environment = f"final-{service}-{number}"
        target = deploy(version, environment)
        for names in (["in_progress"], FINAL):
            replies = race(service, moves(target, *names))
            check_winner(replies, 201, 409)
        final = ask("GET", target).json["status"]
        assert final in FINAL
        assert {reply.json["status"] for reply in replies if reply.status == 201} <= {final}
        assert history(target) == sorted(["pending", "in_progress", final])
        assert current_in(ask, environment) == ([version] if final == "successful" else [])
        updates = partial(audited, "DeploymentUpdated", "deployment_id", int(target.rpartition("/")[2]))
        wait_until(lambda updates=updates: updates() == 2)


def current_in(ask, environment):
    """Return the versions that are current in an environment."""
    placements = ask("GET", f"/matrix?environment={environment}").json["placements"]
    return [item["current"]["version_id"] for item in placements if item["current"]]


def test_a_success_and_the_rollback_of_its_predecessor_leave_one_current_deployment(
    race, ask, version, deploy, history
):
    for number in range(ROUNDS):
        environment = f"succeeded-{number}"
        earlier = deploy(version, environment)
        for status in ("in_progress", "successful"):
            created(ask("POST", f"{earlier}/statuses", {"status": status}))
        later = deploy(version, environment)
        created(ask("POST", f"{later}/statuses", {"status": "in_progress"}))
        requests = [*moves(later, "successful")[::2], *moves(earlier, "rolled_back")[1::2]]
        replies = race("deployment", requests[number:] + requests[:number])
        assert set(statuses(replies)) <= {201, 409, UNAVAILABLE}
        assert history(later) == ["in_progress", "pending", "successful"]
        end = ask("GET", earlier).json["status"]
        assert history(earlier) == sorted(["pending", "in_progress", "successful", end])
        outcomes = Counter(reply.json["status"] for reply in replies if reply.status == 201)
        assert outcomes <= Counter(["successful", end]), outcomes
        assert end in {"superseded", "rolled_back"}
        assert current_in(ask, environment) == [version]


def test_a_deployment_is_approved_once_and_not_by_its_requester(
    cluster, admins, ask, version, deploy, history
):
    """The approver queues it, which the requester may not do; what is queued, the requester may start."""
    created(ask("POST", "/users", {"username": "approver", "password": ADMIN_PASSWORD, "role": "user"}))
    tokens = Admin(cluster.gateway, "approver").token, admins[0].token
    for number in range(ROUNDS):
        environment = f"approved-{number}"
        rules = {"requires_approval": True}
        created(ask("POST", "/environments", {"name": environment, "rules": rules}))
        target = deploy(version, environment)
        approvals, starts = (
            calls_of(cluster.replicas["deployment"], token, moves(target, status)[: CLIENTS // 2])
            for token, status in zip(tokens, ("queued", "in_progress"), strict=True)
        )
        replies = send_at_once(alternating(approvals, starts))
        check_winner(replies[::2], 201, 409)
        assert set(statuses(replies[1::2])) <= {201, 403, 409, UNAVAILABLE}
        is_started = ask("GET", target).json["status"] == "in_progress"
        check_counts(replies[1::2], 201, int(is_started))
        steps = ["awaiting_approval", "pending", "queued", *(["in_progress"] if is_started else [])]
        assert history(target) == sorted(steps)

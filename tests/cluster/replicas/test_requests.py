"""Requests that may succeed once, sent at once to two processes: keys and conditions."""

from __future__ import annotations

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.races import (
    CLIENTS,
    UNAVAILABLE,
    check_winner,
    created,
    statuses,
)
from support.server.server_process import ADMIN_PASSWORD

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
ROUNDS = 8
IN_USE, REUSED = "/problems/idempotency-key-in-use", "/problems/idempotency-key-reused"


@pytest.mark.parametrize("service", ["app", "gateway"])
def test_a_repeated_request_has_one_effect_and_one_answer(race, ask, list_all, service):
    for number in range(ROUNDS):
        name, key = f"once-{service}-{number}", {"Idempotency-Key": f'"key-{service}-{number}"'}
        request = "POST", "/apps", {"name": name}, key
        replies = race(service, [request] * CLIENTS)
        assert {reply.json["type"] for reply in replies if reply.status == 409} <= {IN_USE}
        assert set(statuses(replies)) <= {201, 409, UNAVAILABLE}
        assert statuses(originals(replies))[201] <= 1
        assert statuses(originals(replies))[201] or statuses(replies)[UNAVAILABLE]
        again = ask(*request)
        assert (again.status, again.header("idempotent-replayed")) == (201, "true")
        assert {reply.body for reply in replies if reply.status == 201} <= {again.body}
        stored = [app["id"] for app in list_all("/apps?limit=200") if app["name"] == name]
        assert stored == [again.json["id"]]


def originals(replies):
    """Return the replies that are no repetitions of an earlier one."""
    return [reply for reply in replies if reply.header("idempotent-replayed") is None]


def test_of_different_requests_with_one_key_one_has_an_effect(race, list_all):
    for number in range(ROUNDS):
        key = {"Idempotency-Key": f'"shared-{number}"'}
        names = [f"shared-{number}-{half}" for half in range(2)]
        requests = [("POST", "/apps", {"name": name}, key) for name in names] * (CLIENTS // 2)
        replies = race("gateway", requests)
        refusals = [reply for reply in replies if reply.status not in {201, UNAVAILABLE}]
        assert {reply.json["type"] for reply in refusals} <= {IN_USE, REUSED}
        stored = {app["id"] for app in list_all("/apps?limit=200") if app["name"] in names}
        assert len(stored) == 1
        assert {reply.json["id"] for reply in replies if reply.status == 201} <= stored


CONDITIONAL = {
    "app": ("/apps", {"name": "conditional"}, "description"),
    "deployment": ("/environments", {"name": "conditional"}, "sort_order"),
    "version": ("/apps/conditional/versions", {"tag": "1"}, "changelog"),
    "gateway": (
        "/users",
        {"username": "conditional", "password": ADMIN_PASSWORD, "role": "viewer"},
        "role",
    ),
}
"""A resource of each service: its collection, its members, and what is changed."""


def values(field, round_):
    """Return a value for each client, which differs from those of other rounds."""
    if field == "role":
        return [("user", "viewer")[round_ % 2]] * CLIENTS
    numbers = range(1 + round_ * CLIENTS, 1 + (round_ + 1) * CLIENTS)
    return list(numbers) if field == "sort_order" else [str(number) for number in numbers]


def test_a_condition_is_met_by_one_of_several_changes(race, ask):
    for service, (collection, members, field) in CONDITIONAL.items():
        target = created_path(ask("POST", collection, members))
        for round_ in range(ROUNDS // 2):
            before = ask("GET", target)
            condition = {"If-Match": before.header("etag")}
            changes = [{field: value} for value in values(field, round_)]
            replies = race(service, [("PATCH", target, change, condition) for change in changes])
            check_winner(replies, 200, 412)
            after = ask("GET", target)
            assert revision(after) == revision(before) + 1
            assert {reply.json[field] for reply in replies if reply.status == 200} <= {after.json[field]}


def created_path(reply):
    """Return the path of what a request created."""
    assert created(reply)
    return reply.header("location")


def revision(reply):
    """Return the number of a resource's changes, which is the end of its ETag."""
    return int(reply.header("etag").strip('"').rpartition(".")[2])

"""Several clients who want one name, on two processes of each service: one gets it."""

from __future__ import annotations

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.races import CLIENTS, UNAVAILABLE, check_counts, check_winner, created, statuses

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
ROUNDS = 8
PASSWORD = "a long enough one"


def apps_named(list_all, name):
    """Return the ids of apps with a name."""
    return [app["id"] for app in list_all("/apps?limit=200") if app["name"] == name]


@pytest.mark.parametrize("service", ["app", "gateway"])
def test_one_of_several_apps_gets_a_name(race, list_all, service):
    for number in range(ROUNDS):
        name = f"{service}-{number}"
        replies = race(service, [("POST", "/apps", {"name": name})] * CLIENTS)
        check_winner(replies, 201, 409)
        (stored,) = apps_named(list_all, name)
        assert {reply.json["id"] for reply in replies if reply.status == 201} <= {stored}


@pytest.mark.parametrize("service", ["app", "gateway"])
def test_one_of_several_apps_is_renamed_to_a_name(race, ask, list_all, service):
    """Another client creates an app with that name meanwhile."""
    apps = [
        created(ask("POST", "/apps", {"name": f"{service}-renamed-{number}"}))["id"]
        for number in range(CLIENTS - 1)
    ]
    for number in range(ROUNDS // 2):
        name = f"{service}-wanted-{number}"
        renames = [("PATCH", f"/apps/{app}", {"name": name}) for app in apps]
        replies = race(service, [*renames[:number], ("POST", "/apps", {"name": name}), *renames[number:]])
        assert set(statuses(replies)) <= {200, 201, 409, UNAVAILABLE}
        winners = [reply.json["id"] for reply in replies if reply.status in {200, 201}]
        assert len(winners) == 1 or (not winners and statuses(replies)[UNAVAILABLE])
        (stored,) = apps_named(list_all, name)
        assert set(winners) <= {stored}


@pytest.mark.parametrize(
    ("service", "target", "members"),
    [
        ("deployment", "/environments", {"name": "same"}),
        ("gateway", "/users", {"username": "same", "password": PASSWORD, "role": "viewer"}),
        ("version", "/versions", {"tag": "same"}),
    ],
)
def test_one_of_several_resources_gets_a_name(race, ask, service, target, members):
    app = {"app_id": created(ask("POST", "/apps", {"name": "tagged"}))["id"]} if service == "version" else {}
    replies = race(service, [("POST", target, {**members, **app})] * CLIENTS)
    check_winner(replies, 201, 409)


def test_an_environment_is_created_by_one_of_several_deployments(race, ask, list_all):
    versions = [
        created(ask("POST", "/apps", {"name": f"many-{number}", "version": "1"}))["version"]["id"]
        for number in range(CLIENTS)
    ]
    for number in range(ROUNDS):
        name = f"env-{number}"
        bodies = [{"version_id": version, "environment": name} for version in versions]
        replies = race("deployment", [("POST", "/deployments", body) for body in bodies])
        assert set(statuses(replies)) <= {201, UNAVAILABLE}
        deployments = list_all(f"/deployments?environment={name}&limit=200")
        assert len({item["app_id"] for item in deployments}) == len(deployments)
        check_counts(replies, 201, len(deployments))
        assert [item["name"] for item in list_all("/environments?limit=200")].count(name) == 1

"""Several clients who push one version, on two processes of each service: it is stored once."""

from __future__ import annotations

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.concurrent_writers import lock
from support.server.loaded_cluster import wait_until
from support.server.races import CLIENTS, UNAVAILABLE, check_winner, created, statuses

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
ROUNDS = 4


def test_one_of_several_contents_of_a_version_is_stored(race, ask):
    created(ask("POST", "/apps", {"name": "pushed"}))
    for number in range(ROUNDS):
        target = f"/apps/pushed/versions/{number}"
        contents = [{"commit": f"{client:040x}"} for client in range(CLIENTS)]
        replies = race("gateway", [("PUT", target, content) for content in contents])
        check_winner(replies, 201, 409)
        stored = ask("GET", target).json
        assert {reply.json["commit"] for reply in replies if reply.status == 201} <= {stored["commit"]}
        refusals = {reply.json["existing_digest"] for reply in replies if reply.status == 409}
        assert refusals <= {stored["digest"]}


@pytest.mark.parametrize("service", ["version", "gateway"])
def test_identical_pushes_create_one_version_and_one_lock(race, ask, audited, service):
    app = created(ask("POST", "/apps", {"name": f"identical-{service}"}))
    for number in range(ROUNDS):
        target = f"/apps/{app['name']}/versions/{number}"
        body = {"toolchain": {"lock": lock(f"18.{len(service)}.{number}")}}
        replies = race(service, [("PUT", target, body)] * CLIENTS)
        assert set(statuses(replies)) <= {200, 201, UNAVAILABLE}
        assert statuses(replies)[201] <= 1
        stored = ask("GET", target).json
        assert {reply.json["id"] for reply in replies if reply.status != UNAVAILABLE} == {stored["id"]}
        assert ask("GET", f"{target}/lock").json["lock"] == body["toolchain"]["lock"]
        wait_until(lambda id_=stored["id"]: audited("VersionCreated", "version_id", id_) == 1)


def test_versions_with_one_new_lock_are_all_stored(race, ask):
    """The first of them stores the lock, which the others share."""
    app = created(ask("POST", "/apps", {"name": "sharing"}))
    for number in range(ROUNDS):
        body = {"toolchain": {"lock": lock(f"16.0.{number}")}}
        targets = [f"/apps/{app['id']}/versions/{number}.{client}" for client in range(CLIENTS)]
        replies = race("version", [("PUT", target, body) for target in targets])
        assert set(statuses(replies)) <= {201, UNAVAILABLE}
        for target, reply in zip(targets, replies, strict=True):
            stored = ask("GET", f"{target}/lock")
            assert (stored.status, reply.status) in {(200, 201), (200, UNAVAILABLE), (404, UNAVAILABLE)}
            assert stored.status == 404 or stored.json["lock"] == body["toolchain"]["lock"]

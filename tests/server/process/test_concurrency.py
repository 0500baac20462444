"""Concurrent clients: responses are consistent with some serial order."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from datetime import datetime

import pytest

from envmgr.kit.audit_log.hash_chain import Verifier
from support.http.raw_client import Wire
from support.server.cluster import IS_CHOSEN
from support.server.concurrent_writers import WriterPool, life_of_an_app, lock, pages
from support.server.response_checks import unique_name

WRITERS = 32
SECONDS = 6
AT_ONCE = 12
ROUNDS = 8
CLIENTS, INCREMENTS = 8, 6
MAX_ATTEMPTS = 10 if IS_CHOSEN else 1
MAY_HAVE_EFFECT = "may have had its effect"


def send_concurrently(daemon, token, requests, headers=None):
    """Send requests concurrently, each over its own connection; return the responses in order."""
    barrier = threading.Barrier(len(requests), timeout=20)
    replies = [None] * len(requests)

    def send(index, request):
        with Wire(daemon.port, token=token, timeout=30) as wire:
            barrier.wait()
            replies[index] = ask(wire, *request, headers=headers)

    threads = [threading.Thread(target=send, args=pair) for pair in enumerate(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(replies), "a request has no response"
    return replies


def ask(wire, method, target, body=None, headers=None):
    """Send a request, again where separate services answer that it had no effect for now."""
    for _ in range(MAX_ATTEMPTS):
        reply = wire.ask(method, target, body, headers)
        if reply.status != 503 or MAY_HAVE_EFFECT in reply.text:
            break
        time.sleep(int(reply.header("retry-after")))
    return reply


def statuses(replies):
    return Counter(reply.status for reply in replies)


def new_app(wire, **members):
    reply = ask(wire, "POST", "/apps", {"name": unique_name("app"), **members})
    assert reply.status == 201, reply.text
    return reply.json


def new_environment(wire):
    reply = ask(wire, "POST", "/environments", {"name": unique_name("env")})
    assert reply.status == 201, reply.text
    return reply.json


def new_version(wire, app, **members):
    body = {"toolchain": {"lock": lock()}, **members}
    reply = ask(wire, "PUT", f"/apps/{app['id']}/versions/{unique_name('v')}", body)
    assert reply.status == 201, reply.text
    return reply.json


@pytest.mark.slow
@pytest.mark.skipif(IS_CHOSEN, reason="separate services: tests/cluster/faults")
def test_concurrent_writers_all_succeed(daemon, admin):
    before = len(daemon.output)
    with WriterPool(daemon.port, admin, life_of_an_app, WRITERS) as crew:
        time.sleep(SECONDS)
    assert crew.wrong == []
    assert (crew.retried, crew.abandoned) == (0, [])
    assert len(crew.confirmed) > WRITERS * 4
    changes = daemon.output[before:]
    for word in ("locked", "Traceback", '"level":"error"'):
        assert word not in changes
    daemon.settle(admin)
    verifier = Verifier()
    with daemon.wire(admin) as wire:
        entries = pages(wire, "/audits?sort=seq&limit=200")
        findings = [finding for entry in entries for finding in verifier.add(entry)]
    assert [*findings, *verifier.finish()] == []


COUNTERS = {
    "app": lambda wire: (f"/apps/{new_app(wire, description='0')['id']}", "description"),
    "version": lambda wire: (
        f"/versions/{new_version(wire, new_app(wire), changelog='0')['id']}",
        "changelog",
    ),
    "environment": lambda wire: (f"/environments/{new_environment(wire)['name']}", "sort_order"),
}


@pytest.mark.parametrize("kind", COUNTERS)
def test_concurrent_updates_with_etags_are_not_lost(daemon, admin, wire, kind):
    (target, field), stale = COUNTERS[kind](wire), []

    def increment():
        with daemon.wire(admin) as own_wire:
            for _ in range(INCREMENTS):
                while True:
                    seen = ask(own_wire, "GET", target)
                    now = seen.json[field]
                    more = {field: type(now)(int(now) + 1)}
                    reply = ask(own_wire, "PATCH", target, more, {"If-Match": seen.header("etag")})
                    if reply.status == 200:
                        break
                    stale.append(reply.status)

    threads = [threading.Thread(target=increment) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    final = ask(wire, "GET", target)
    assert int(final.json[field]) == CLIENTS * INCREMENTS
    assert final.header("etag") == f'"{final.json["id"]}.{1 + CLIENTS * INCREMENTS}"'
    assert set(stale) == {412}


def test_of_concurrent_updates_with_the_same_etag_one_succeeds(daemon, admin, wire):
    for kind, make in COUNTERS.items():
        target, field = make(wire)
        changes = [{field: n + 1 if kind == "environment" else str(n + 1)} for n in range(AT_ONCE)]
        requests = [("PATCH", target, body) for body in changes]
        replies = send_concurrently(
            daemon, admin, requests, {"If-Match": ask(wire, "GET", target).header("etag")}
        )
        assert statuses(replies) == {200: 1, 412: AT_ONCE - 1}
        stored = next(reply.json[field] for reply in replies if reply.status == 200)
        assert ask(wire, "GET", target).json[field] == stored


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/apps", lambda name, _: {"name": name}),
        ("/environments", lambda name, _: {"name": name}),
        ("/users", lambda name, _: {"username": name, "password": "a long enough one", "role": "viewer"}),
        ("/versions", lambda name, app: {"app_id": app["id"], "tag": name}),
    ],
)
def test_of_concurrent_creations_one_succeeds(daemon, admin, wire, target, body):
    app = new_app(wire)
    for _ in range(ROUNDS if target != "/users" else 1):
        same = body(unique_name("same"), app)
        replies = send_concurrently(daemon, admin, [("POST", target, same)] * AT_ONCE)
        assert statuses(replies) == {201: 1, 409: AT_ONCE - 1}


def test_of_concurrent_renames_to_one_name_one_succeeds(daemon, admin, wire):
    apps = [new_app(wire) for _ in range(AT_ONCE)]
    renamed = {"name": unique_name("wanted")}
    replies = send_concurrently(daemon, admin, [("PATCH", f"/apps/{app['id']}", renamed) for app in apps])
    assert statuses(replies) == {200: 1, 409: AT_ONCE - 1}


def test_concurrent_requests_with_one_idempotency_key_have_one_effect(daemon, admin, wire):
    for _ in range(ROUNDS):
        body, key = {"name": unique_name("app")}, {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        replies = send_concurrently(daemon, admin, [("POST", "/apps", body)] * AT_ONCE, key)
        made = [reply for reply in replies if reply.status == 201]
        assert [reply.header("idempotent-replayed") for reply in made].count(None) == 1
        assert len({reply.body for reply in made}) == 1
        refused = [reply.json["type"] for reply in replies if reply.status != 201]
        assert set(refused) <= {"/problems/idempotency-key-in-use"}
        again = ask(wire, "POST", "/apps", body, key)
        assert (again.status, again.header("idempotent-replayed")) == (201, "true")
        assert again.body == made[0].body


def test_concurrent_identical_pushes_create_one_version(daemon, admin, wire):
    app = new_app(wire)
    for _ in range(ROUNDS):
        target, push = f"/apps/{app['name']}/versions/{unique_name('v')}", {"toolchain": {"lock": lock()}}
        replies = send_concurrently(daemon, admin, [("PUT", target, push)] * AT_ONCE)
        assert statuses(replies) == {201: 1, 200: AT_ONCE - 1}
        assert len({reply.json["id"] for reply in replies}) == 1


def test_of_different_pushes_of_one_tag_the_first_is_preserved(daemon, admin, wire):
    app = new_app(wire)
    for _ in range(ROUNDS):
        target = f"/apps/{app['name']}/versions/{unique_name('v')}"
        pushes = [{"commit": f"{number:040x}"} for number in range(AT_ONCE)]
        replies = send_concurrently(daemon, admin, [("PUT", target, push) for push in pushes])
        assert statuses(replies) == {201: 1, 409: AT_ONCE - 1}
        made = next(reply.json for reply in replies if reply.status == 201)
        assert {reply.json["existing_digest"] for reply in replies if reply.status == 409} == {made["digest"]}
        assert ask(wire, "GET", target).json["commit"] == made["commit"]


def test_one_deployment_of_an_app_is_active_in_an_environment(daemon, admin, wire):
    app = new_app(wire)
    versions = [new_version(wire, app) for _ in range(AT_ONCE)]
    for _ in range(ROUNDS):
        environment = unique_name("env")
        requests = [
            ("POST", "/deployments", {"version_id": version["id"], "environment": environment})
            for version in versions
        ]
        replies = send_concurrently(daemon, admin, requests)
        assert statuses(replies) == {201: 1, 409: AT_ONCE - 1}
        made = next(reply.json for reply in replies if reply.status == 201)
        assert {reply.json["active_deployment"] for reply in replies if reply.status == 409} == {
            f"/deployments/{made['id']}"
        }


def test_concurrent_final_statuses_leave_one(daemon, admin, wire):
    version = new_version(wire, new_app(wire))
    for _ in range(ROUNDS):
        body = {"version_id": version["id"], "environment": unique_name("env")}
        made = ask(wire, "POST", "/deployments", body).json
        target = f"/deployments/{made['id']}/statuses"
        for steps in (["in_progress"] * AT_ONCE, ["successful", "failed", "cancelled"] * (AT_ONCE // 3)):
            replies = send_concurrently(daemon, admin, [("POST", target, {"status": step}) for step in steps])
            assert statuses(replies) == {201: 1, 409: AT_ONCE - 1}
        history = list(pages(wire, f"{target}?limit=200"))
        assert len(history) == 3


def test_deleting_an_app_deletes_its_versions_and_placements(daemon, admin, wire):
    apps = [new_app(wire) for _ in range(ROUNDS)]
    for app in apps:
        pushes = [("PUT", f"/apps/{app['id']}/versions/v{number}", {}) for number in range(AT_ONCE)]
        pushes.insert(AT_ONCE // 2, ("DELETE", f"/apps/{app['id']}"))
        replies = send_concurrently(daemon, admin, pushes)
        assert replies[AT_ONCE // 2].status == 204
        assert set(statuses(replies)) <= {204, 201, 404}
    daemon.settle(admin)
    for app in apps:
        assert list(pages(wire, f"/versions?app_id={app['id']}")) == []


def new_deletable(wire, kind):
    """Create an app with a version; return the URL of either, and the version."""
    app = new_app(wire)
    version = new_version(wire, app)
    return (f"/apps/{app['id']}" if kind == "app" else f"/versions/{version['id']}"), version


def deploying(version, number=AT_ONCE - 1):
    return [
        ("POST", "/deployments", {"version_id": version["id"], "environment": f"stage-{n}"})
        for n in range(number)
    ]


@pytest.mark.parametrize("number", [1, AT_ONCE - 1])
@pytest.mark.parametrize("kind", ["app", "version"])
def test_a_deletion_and_concurrent_deployments_exclude_each_other(daemon, admin, wire, kind, number):
    deleted = []
    for attempt in range(ROUNDS * 2):
        target, version = new_deletable(wire, kind)
        requests = deploying(version, number)
        index = attempt % len([*requests, target])
        requests.insert(index, ("DELETE", target))
        replies = send_concurrently(daemon, admin, requests)
        deletion = replies.pop(index)
        if deletion.status == 204:
            deleted.append(version["id"])
            assert set(statuses(replies)) <= {404, 409}, [reply.text for reply in replies]
            late = {reply.json["type"] for reply in replies}
            assert late <= {"/problems/being-deleted", "/problems/not-found"}
        else:
            assert (deletion.status, deletion.json["type"]) == (409, f"/problems/{kind}-in-use")
            assert statuses(replies) == {201: number}
            assert ask(wire, "GET", target).status == 200
    for version_id in deleted:
        assert list(pages(wire, f"/deployments?version_id={version_id}")) == []


def test_deployments_during_a_forced_deletion_are_earlier_and_end(daemon, admin, wire):
    made = []
    for attempt in range(ROUNDS):
        target, version = new_deletable(wire, "app")
        requests = deploying(version)
        requests.insert(attempt, ("DELETE", f"{target}?force=true"))
        replies = send_concurrently(daemon, admin, requests)
        assert replies.pop(attempt).status == 204
        assert set(statuses(replies)) <= {201, 404, 409}
        assert ask(wire, *deploying(version)[0]).status in {404, 409}
        made += [(target, reply.json) for reply in replies if reply.status == 201]
    daemon.settle(admin)
    for target, deployment in made:
        (gone,) = pages(wire, f"/audits?event_type=AppDeleted&resource={target[1:].replace('apps', 'app')}")
        assert milliseconds(deployment["created_at"]) <= gone["timestamp"]
        assert ask(wire, "GET", f"/deployments/{deployment['id']}").json["status"] == "cancelled"


def milliseconds(timestamp):
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


@pytest.mark.parametrize("kind", ["app", "version"])
def test_a_deletion_rejected_by_etag_allows_deployments_again(daemon, admin, wire, kind):
    target, version = new_deletable(wire, kind)
    requests = [("DELETE", target)] * AT_ONCE
    assert statuses(send_concurrently(daemon, admin, requests, {"If-Match": '"1.99"'})) == {412: AT_ONCE}
    assert statuses(ask(wire, *item) for item in deploying(version)) == {201: AT_ONCE - 1}


def test_a_refresh_token_is_valid_for_at_most_one_of_many_uses(daemon):
    refresh = {"refresh_token": daemon.login()["refresh_token"]}
    replies = send_concurrently(daemon, "", [("POST", "/auth/refresh", refresh)] * AT_ONCE)
    assert statuses(replies)[200] <= 1
    assert set(statuses(replies)) <= {200, 401}

"""The audit of a whole server: changes through its API are recorded at once and permanently."""

from __future__ import annotations

import json
import threading
import time

import httpx
import pytest

from envmgr.kit.audit_log import checkpoint as checkpoints
from envmgr.kit.audit_log.hash_chain import Verifier
from support.server.server_process import Daemon
from support.waiting import wait_until

APPS = 50
TIMEOUT_SECONDS = 20.0
"""Timeout of an event to reach the log on a loaded machine."""


@pytest.fixture
def own_server(tmp_path):
    """Yield a server that this test may stop."""
    daemon = Daemon(tmp_path)
    yield daemon.start()
    daemon.end()


def client_of(daemon):
    token = daemon.login()["access_token"]
    return httpx.Client(
        base_url=f"http://127.0.0.1:{daemon.port}", headers={"authorization": f"Bearer {token}"}, timeout=20
    )


def create(client, name):
    response = client.post("/apps", json={"name": name})
    assert response.status_code == 201, response.text
    return response.json()["id"]


def whole_log(client):
    entries, url = [], "/audits?sort=seq&limit=200"
    while url:
        response = client.get(url)
        entries += response.json()
        url = response.links.get("next", {}).get("url")
    return entries


def wrong_with(client):
    """Return the findings in the log and its checkpoints, as an auditor verifies them."""
    signed = client.get("/audit/checkpoints?limit=200").json()
    key = signed[0]["public_key"]
    assert [checkpoints.verify_error(item, key) for item in signed] == [None] * len(signed)
    assert [item["previous"] for item in signed] == [
        *(checkpoints.fingerprint(item) for item in signed[1:]),
        "",
    ]
    verifier = Verifier(signed)
    matches = [finding for entry in whole_log(client) for finding in verifier.add(entry)]
    return [*matches, *verifier.finish()]


def follow(response, seen):
    """Record the time when each app appears in the stream."""
    for line in response.iter_lines():
        if line.startswith("data: "):
            entry = json.loads(line.removeprefix("data: "))
            if entry["event"] == "AppCreated":
                seen[entry["payload"]["name"]] = time.monotonic()
            if len(seen) == APPS:
                return


def test_changes_are_in_the_log_at_once(own_server):
    made, seen = {}, {}
    with client_of(own_server) as client, client_of(own_server) as follower:
        with follower.stream("GET", "/audit/events", headers={"accept": "text/event-stream"}) as response:
            assert response.status_code == 200
            following = threading.Thread(target=follow, args=(response, seen))
            following.start()
            for number in range(APPS):
                create(client, f"app-{number}")
                made[f"app-{number}"] = time.monotonic()
            following.join(TIMEOUT_SECONDS)
        assert seen.keys() == made.keys()
        assert max(seen[name] - made[name] for name in made) < TIMEOUT_SECONDS
        assert client.post("/audit/checkpoints").status_code in {200, 201}
        assert wrong_with(client) == []


def test_a_stopping_server_ends_streams_and_signs_the_end_of_the_log(own_server):
    with client_of(own_server) as client:
        create(client, "shop")
        ended = threading.Event()
        with client_of(own_server) as follower:
            headers = {"accept": "text/event-stream", "last-event-id": "0"}
            with follower.stream("GET", "/audit/events", headers=headers) as response:
                reading = threading.Thread(target=lambda: (list(response.iter_lines()), ended.set()))
                reading.start()
                assert own_server.stop() == 0
                reading.join(TIMEOUT_SECONDS)
        assert ended.is_set()
    own_server.start()
    with client_of(own_server) as client:
        (signed, *_) = client.get("/audit/checkpoints").json()
        (created,) = client.get("/audits?event_type=AppCreated").json()
        assert signed["seq"] >= created["seq"]
        assert wrong_with(client) == []


def test_the_log_continues_after_a_kill(own_server):
    with client_of(own_server) as client:
        create(client, "before")
    own_server.kill()
    own_server.start()
    with client_of(own_server) as client:
        create(client, "after")
        wait_until(lambda: len(client.get("/audits?event_type=AppCreated").json()) >= 2)
        created = client.get("/audits?event_type=AppCreated").json()
        assert [entry["payload"]["name"] for entry in created] == ["after", "before"]
        assert client.post("/audit/checkpoints").status_code in {200, 201}
        assert wrong_with(client) == []


def test_a_stream_ends_with_its_credential(own_server):
    with client_of(own_server) as client:
        person = {"username": "ada", "password": "a password of good length", "role": "viewer"}
        user = client.post("/users", json=person).json()["id"]
        token = own_server.login("ada", person["password"])["access_token"]
        request_headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        with client.stream("GET", "/audit/events", headers=request_headers) as response:
            lines = response.iter_lines()
            assert next(lines).startswith("retry")
            assert client.patch(f"/users/{user}", json={"active": False}).status_code == 200
            began = time.monotonic()
            assert not [line for line in lines if line.startswith("data: ") and "UserUpdated" in line]
            assert time.monotonic() - began < TIMEOUT_SECONDS

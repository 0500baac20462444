"""Conventions of the whole API: pages, PUT, deployments, methods, times."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.server.concurrent_writers import lock
from support.server.resources import app, created_resource, deployment, version
from support.server.response_checks import unique_name
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.http.raw_client import Wire

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


# Lists.


def list_all_pages(wire: Wire, target: str, limit: int, between) -> list:
    """Read a list by its links, and call a function after each page."""
    target, items, pages = f"{target}{'&' if '?' in target else '?'}limit={limit}", [], 0
    while target:
        reply = wire.ask("GET", target)
        assert reply.status == 200, reply.text
        assert isinstance(reply.json, list)
        assert len(reply.json) <= limit
        items += reply.json
        between(pages)
        pages += 1
        link = re.fullmatch(r'<(.+)>; rel="next"', reply.header("link") or "")
        target = link[1] if link else ""
    assert pages > 1
    return items


@pytest.mark.parametrize("sort", ["", "-id", "id", "created_at", "-created_at", "-tag", "tag", "updated_at"])
def test_pages_list_each_item_once_despite_concurrent_changes(wire, sort):
    of = app(wire)
    there = [version(wire, of, f"1.{n}.0")["id"] for n in range(7)]
    result = list_all_pages(
        wire,
        f"/apps/{of['name']}/versions" + (f"?sort={sort}" if sort else ""),
        2,
        lambda n: version(wire, of, f"0.{n}.0") if n < 3 else None,
    )
    ids = [item["id"] for item in result]
    assert len(ids) == len(set(ids))
    assert [id_ for id_ in ids if id_ in there] == (
        there if sort in {"id", "tag", "created_at", "updated_at"} else there[::-1]
    )


def test_a_page_is_stable_after_its_first_item_is_deleted(wire):
    of = app(wire)
    ids = [version(wire, of, f"1.{n}.0")["id"] for n in range(4)][::-1]
    first = wire.ask("GET", f"/apps/{of['id']}/versions?limit=2")
    assert wire.ask("DELETE", f"/versions/{ids[1]}").status == 204
    following = re.match("<(.+)>", first.header("link"))[1]
    assert [item["id"] for item in wire.ask("GET", following).json] == ids[2:]


COLLECTIONS = [
    "/apps",
    "/versions",
    "/deployments",
    "/environments",
    "/users",
    "/audits",
    "/audit/checkpoints",
    "/auth/keys",
    "/auth/bindings",
]


@pytest.mark.parametrize("target", COLLECTIONS)
def test_a_list_is_sorted_as_documented_and_has_no_offsets(wire, target):
    parameters = wire.ask("GET", "/openapi.json").json["paths"][target]["get"]["parameters"]
    (sorts,) = [parameter["schema"]["enum"] for parameter in parameters if parameter.get("name") == "sort"]
    for sort in sorts:
        reply = wire.ask("GET", f"{target}?sort={sort}&limit=200")
        assert reply.status == 200, reply.text
        keys = [item.get(sort.removeprefix("-")) for item in reply.json]
        if sort.endswith("username"):
            keys = [key.casefold() for key in keys]
        if None not in keys:
            assert keys == sorted(keys, reverse=sort.startswith("-")), sort
    for query in ("offset=1", "page=2", "limit=201", "limit=0", "limit=1&limit=1"):
        assert wire.ask("GET", f"{target}?{query}").status == 400, query


def test_lists_are_newest_first_and_have_fifty_items(wire):
    of = app(wire)
    ids = [
        created_resource(wire.ask("POST", "/versions", {"app_id": of["id"], "tag": f"1.{n}.0"}))["id"]
        for n in range(51)
    ]
    reply = wire.ask("GET", f"/versions?app_id={of['id']}")
    assert [item["id"] for item in reply.json] == ids[:0:-1]
    assert reply.header("link")
    assert wire.ask("GET", f"/versions?app_id={of['id']}&limit=51").header("link") is None


# Putting.


def test_a_repeated_put_changes_nothing(wire):
    name = unique_name("env")
    of = app(wire)
    puts = [
        (f"/environments/{name}", {"tier": "staging"}),
        (f"/apps/{of['id']}/versions/1.0.0", {"toolchain": {"lock": lock()}, "commit": "abcdef1"}),
        (f"/apps/{of['name']}", {"name": of["name"], "description": "put"}),
    ]
    for target, body in puts:
        first = wire.ask("PUT", target, body)
        again = wire.ask("PUT", target, body)
        assert first.status in {200, 201}, first.text
        assert again.status == 200
        assert (again.body, again.header("etag")) == (first.body, first.header("etag"))


def test_a_version_with_other_content_is_refused_with_the_differences_and_both_digests(wire):
    of = app(wire)
    there = version(wire, of)
    refused = wire.ask("PUT", f"/apps/{of['id']}/versions/1.0.0", {"toolchain": {"lock": lock("20.11.1")}})
    assert refused.status == 409
    problem = refused.json
    assert problem["type"] == "/problems/version-content-mismatch"
    assert problem["existing_digest"] == there["digest"] != problem["submitted_digest"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", problem["submitted_digest"])
    assert [item["field"] for item in problem["differences"]] == [
        "toolchain/tools/nodejs",
        "toolchain/lock_digest",
    ]
    assert problem["differences"][0]["submitted"] == "20.11.1"
    assert f"nodejs is {problem['differences'][0]['existing']}, submitted 20.11.1" in problem["detail"]


def test_a_lock_is_stored_once_for_all_versions_with_it(wire, daemon):
    text = lock("18.19.0", "^18.1")
    several = [version(wire, app(wire), text=text) for _ in range(3)]
    (digest,) = {item["toolchain"]["lock_digest"] for item in several}
    result = wire.ask("GET", f"/versions?lock_digest={quote(digest)}").json
    assert {item["id"] for item in result} == {item["id"] for item in several}
    assert [wire.ask("GET", f"/versions/{item['id']}/lock").json["lock"] for item in several] == [text] * 3
    query = f"SELECT lock FROM toolchain WHERE lock_digest = '{digest}'"
    assert daemon.execute("version", query) == [(text,)]


# Deployments.


def test_a_second_deployment_is_rejected_with_a_link_to_the_first(wire):
    first = deployment(wire, unique_name("env"))
    body = {"version_id": first["version_id"], "environment": first["environment"]}
    refused = wire.ask("POST", "/deployments", body)
    assert refused.status == 409
    assert refused.json["type"] == "/problems/deployment-active"
    assert refused.json["active_deployment"] == f"/deployments/{first['id']}"
    assert refused.json["active_deployment_status"] == "pending"
    assert f"</deployments/{first['id']}>" in refused.header("link")


def test_an_invalid_transition_is_rejected_with_the_valid_ones(wire):
    target = f"/deployments/{deployment(wire, unique_name('env'))['id']}/statuses"
    refused = wire.ask("POST", target, {"status": "rolled_back"})
    assert refused.status == 409
    assert refused.json["type"] == "/problems/invalid-transition"
    assert "in_progress" in refused.json["allowed_statuses"]
    for step in ("in_progress", "successful"):
        created_resource(wire.ask("POST", target, {"status": step}))
    history = wire.ask("GET", target).json
    assert [entry["status"] for entry in history] == ["successful", "in_progress", "pending"]
    assert wire.ask("DELETE", target).status == 405


def test_a_new_version_is_deployed_by_a_matching_rule(wire):
    name, of = unique_name("env"), app(wire)
    rules = {"auto_deploy": [{"app": of["name"], "tag_range": "^1.2"}]}
    created_resource(wire.ask("PUT", f"/environments/{name}", {"rules": rules}))
    version(wire, of, "2.0.0")
    expected = version(wire, of, "1.3.0")
    result = wait_until(lambda: wire.ask("GET", f"/deployments?environment={name}").json)
    assert [item["version_id"] for item in result] == [expected["id"]]
    assert wire.ask("GET", f"/matrix?environment={name}").json["placements"][0]["last"]["tag"] == "1.3.0"


# Everything.


def times_in(value) -> list[str]:
    """Return every time in a document."""
    if isinstance(value, list):
        return [timestamp for item in value for timestamp in times_in(item)]
    if not isinstance(value, dict):
        return []
    direct = [inner for name, inner in value.items() if name.endswith("_at") and inner is not None]
    return direct + [timestamp for inner in value.values() for timestamp in times_in(inner)]


def test_times_are_in_rfc_3339_and_utc(wire):
    deployment(wire, unique_name("env"))
    created_resource(wire.ask("POST", "/auth/keys", {"name": "a key", "scopes": ["apps:read"]}))
    for target in ("/apps", "/versions", "/deployments", "/environments", "/users", "/auth/keys", "/matrix"):
        result = times_in(wire.ask("GET", target).json)
        assert result, target
        assert all(MOMENT.fullmatch(timestamp) for timestamp in result), target


@pytest.mark.parametrize("target", COLLECTIONS)
def test_an_unsupported_method_is_rejected_with_the_allowed_ones(wire, target):
    paths = wire.ask("GET", "/openapi.json").json["paths"]
    described = {method.upper() for method in paths[target]}
    refused = wire.ask("DELETE", target)
    assert refused.status == 405
    assert refused.header("content-type") == "application/problem+json"
    assert set(refused.header("allow").split(", ")) == described | {"HEAD", "OPTIONS"}
    head = wire.ask("HEAD", target)
    assert (head.status, head.body) == (200, b"")


def test_the_root_links_to_the_api_reference(daemon):
    with daemon.wire() as visitor:
        response = visitor.ask("GET", "/")
        assert (response.status, response.header("location")) == (307, "/docs")
        assert visitor.ask("GET", "/docs").status == 200
        assert visitor.ask("GET", "/?x=1").status == 400


@pytest.mark.parametrize("name", ["version_id", "app_id", "status"])
def test_null_is_rejected_as_a_filter(wire, name):
    refused = wire.ask("GET", f"/deployments?{name}=null")
    assert refused.status == 400
    assert refused.json["errors"][0]["pointer"] == f"?{name}"


def test_a_stream_resumes_after_the_last_received_entry(wire, daemon, admin):
    app(wire)
    newest = wire.ask("GET", "/audit/events?limit=2").json
    assert [entry["seq"] for entry in newest] == sorted((entry["seq"] for entry in newest), reverse=True)
    last = newest[-1]["seq"]
    with daemon.wire(admin) as follower:
        head = f"GET /audit/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\n"
        follower.send(f"{head}Accept: text/event-stream\r\nLast-Event-ID: {last}\r\n\r\n".encode())
        seen = b""
        while not (entry := re.search(rb"\nid: (\d+)\ndata: (.+)\n\n", seen)):
            seen += follower.socket.recv(1 << 16)
    assert int(entry[1]) == last + 1
    assert json.loads(entry[2])["seq"] == last + 1
    assert wire.ask("GET", "/audit/events", None, {"Last-Event-ID": "null"}).status == 400

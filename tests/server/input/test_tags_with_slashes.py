"""Tags with slashes over real connections: each encoding is the same version, or not found."""

from __future__ import annotations

import re
import uuid

import pytest

from support.server.response_checks import check_refused, unique_name
from support.services.version_fixtures import lock

TAG = "sub/v1.0.0"
ENCODED_TAGS = [TAG, "sub%2Fv1.0.0", "sub%2fv1%2E0.0", "%73ub/v1.0.0"]


@pytest.fixture
def app(wire):
    name = unique_name()
    assert wire.ask("POST", "/apps", {"name": name}).status == 201
    return name


@pytest.mark.parametrize("encoded", ENCODED_TAGS)
def test_every_encoding_of_a_tag_is_the_same_version(daemon, wire, app, encoded):
    body = {"toolchain": {"lock": lock("go@1.22.0")}}
    reply = wire.ask("PUT", f"/apps/{app}/versions/{encoded}", body)
    assert (reply.status, reply.json["tag"]) == (201, TAG)
    assert reply.header("location") == f"/versions/{reply.json['id']}"
    for other in ENCODED_TAGS:
        path = f"/apps/{app}/versions/{other}"
        assert wire.ask("GET", path).json == reply.json
        assert wire.ask("HEAD", path).status == 200
        assert wire.ask("PUT", path, body).status == 200
        check_refused(daemon, wire.ask("PUT", path, {"commit": "abcdef0"}), {409})
        assert wire.ask("GET", f"{path}/lock").json["lock"] == body["toolchain"]["lock"]
    assert [item["tag"] for item in wire.ask("GET", f"/apps/{app}/versions").json] == [TAG]
    assert wire.ask("GET", f"/versions?app={app}&tag=sub/v1.0.0").json == [reply.json]
    assert wire.ask("GET", f"/versions?app={app}&tag=sub%2Fv1.0.0").json == [reply.json]


@pytest.mark.parametrize(
    "encoded",
    [
        *("/a", "a/", "a//b", "a/./b", "a/../b", "a/b/", "a/b/lock/", "a/lock/", "-a/b", "a/b,c"),
        *(
            "%2Fa",
            "a%2F",
            "a%2F%2Fb",
            "a%2F.%2Fb",
            "a%2F..%2Fb",
            "a%2f%2e%2e",
            "a%2Fb%2F",
            "a%5Cb/c",
            "a%252Fb",
        ),
    ],
)
def test_an_invalid_tag_is_rejected_without_effect(daemon, wire, app, encoded):
    path = f"/apps/{app}/versions/{encoded}"
    for method, body in (("PUT", {}), ("GET", None)):
        reply = wire.ask(method, path, body)
        check_refused(daemon, reply, {400, 405} if "lock" in encoded and body == {} else {400})
    assert wire.ask("GET", f"/apps/{app}/versions").json == []


def test_paths_that_end_in_lock_are_not_versions(daemon, wire, app):
    for path in ("a/lock", "a%2Flock", "a/b/lock", "a%2Fb%2Flock"):
        reply = wire.ask("PUT", f"/apps/{app}/versions/{path}", {})
        check_refused(daemon, reply, {405})
        assert reply.header("allow") == "GET, HEAD, OPTIONS"
        check_refused(daemon, wire.ask("GET", f"/apps/{app}/versions/{path}"), {404})
    check_refused(daemon, wire.ask("POST", f"/apps/{app}/versions", {"tag": "a/lock"}), {400})


def test_a_caller_without_write_scope_cannot_write_tags_with_slashes(accounts, admin_wire):
    name = unique_name()
    admin_wire.ask("POST", "/apps", {"name": name})
    scopes = ["versions:read"]
    key = admin_wire.ask("POST", "/auth/keys", {"name": name, "app": name, "scopes": scopes}).json["key"]
    with accounts.daemon.wire(key) as wire, accounts.daemon.wire() as anonymous:
        assert wire.ask("PUT", f"/apps/{name}/versions/a/b", {}).status == 403
        assert wire.ask("GET", f"/apps/{name}/versions/a/b").status == 404
        assert anonymous.ask("GET", f"/apps/{name}/versions/a%2Fb").status == 401


def test_requests_for_tags_with_slashes_share_the_metrics_route(wire, app):
    def measured(route):
        metrics = wire.ask("GET", "/metrics").body.decode()
        label = re.escape(f'route="/apps/{{app}}/versions/{route}"')
        return sum(
            float(count)
            for count in re.findall(rf"alm_http_requests_total{{[^}}]*?{label}[^ ]* (\S+)", metrics)
        )

    before = [measured("{tag}"), measured("{tag}/lock")]
    wire.ask("PUT", f"/apps/{app}/versions/a/b", {})
    wire.ask("GET", f"/apps/{app}/versions/a/{uuid.uuid4()}")
    wire.ask("GET", f"/apps/{app}/versions/a/b/lock")
    assert [measured("{tag}"), measured("{tag}/lock")] == [before[0] + 2, before[1] + 1]

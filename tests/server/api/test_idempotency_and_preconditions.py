"""Conventions of the whole API: idempotency keys and preconditions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.server.concurrent_writers import lock
from support.server.resources import BINDING, PASSWORD, app, created_resource, deployment, version
from support.server.response_checks import unique_name
from support.server.server_process import Daemon

if TYPE_CHECKING:
    from support.http.raw_client import Wire


# Idempotency-Key.


def posts(wire: Wire) -> dict[str, tuple[str, dict]]:
    """Return a POST of every kind that creates a resource, with a unique body."""
    new_app = app(wire)
    going = deployment(wire, unique_name("env"))
    return {
        "app": ("/apps", {"name": unique_name()}),
        "app with version": ("/apps", {"name": unique_name(), "version": "1.0.0"}),
        "version": ("/versions", {"app_id": new_app["id"], "tag": "1.0.0"}),
        "version of app": (
            f"/apps/{new_app['name']}/versions",
            {"tag": "1.1.0", "toolchain": {"lock": lock()}},
        ),
        "deployment": (
            "/deployments",
            {"version_id": version(wire, new_app, "2.0.0")["id"], "environment": unique_name("env")},
        ),
        "status": (f"/deployments/{going['id']}/statuses", {"status": "in_progress"}),
        "environment": ("/environments", {"name": unique_name("env")}),
        "user": ("/users", {"username": unique_name("user"), "password": PASSWORD}),
        "key": ("/auth/keys", {"name": unique_name("key"), "scopes": ["apps:read"]}),
        "binding": ("/auth/bindings", BINDING),
    }


KINDS = [
    "app",
    "app with version",
    "version",
    "version of app",
    "deployment",
    "status",
    "environment",
    "user",
    "key",
    "binding",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_post_with_an_idempotency_key_has_one_effect_and_response(wire, kind):
    target, body = posts(wire)[kind]
    headers = {"Idempotency-Key": f'"{unique_name("key")}"'}
    first = wire.ask("POST", target, body, headers)
    assert first.status == 201, first.text
    assert first.header("idempotent-replayed") is None
    again = wire.ask("POST", target, body, headers)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.header("idempotent-replayed") == "true"
    for name in ("location", "etag"):
        assert again.header(name) == first.header(name)
    changed = {**body, "reason": "another"} if kind in {"deployment", "status"} else {**body, **other(body)}
    rejection = wire.ask("POST", target, changed, headers)
    assert rejection.status == 422, rejection.text
    assert rejection.json["type"] == "/problems/idempotency-key-reused"
    assert (
        f"Idempotency-Key was used for POST {target} with a different body at 20" in rejection.json["detail"]
    )
    assert rejection.json["differences"] == [{"field": "body"}]


def test_a_key_of_another_request_is_refused_with_both_requests(wire):
    new_app, headers = app(wire), {"Idempotency-Key": unique_name("key")}
    target = f"/apps/{new_app['name']}/versions"
    assert wire.ask("POST", "/versions", {"app_id": new_app["id"], "tag": "1.0.0"}, headers).status == 201
    rejection = wire.ask("POST", target, {"tag": "1.0.0"}, headers)
    assert rejection.status == 422
    assert rejection.json["differences"] == [
        {"field": "request", "existing": "POST /versions", "submitted": f"POST {target}"}
    ]
    assert "was used for POST /versions at 20" in rejection.json["detail"]


def other(body: dict) -> dict:
    """Return a body with another value in one field."""
    name = next(name for name in ("name", "tag", "username", "audience") if name in body)
    return {name: unique_name() if name != "tag" else "9.9.9"}


@pytest.mark.parametrize("change", ["version deleted", "version changed", "app changed", "app deleted"])
def test_a_replayed_creation_of_an_app_ignores_later_changes(wire, change):
    body, headers = {"name": unique_name(), "version": "1.0.0"}, {"Idempotency-Key": unique_name("key")}
    first = wire.ask("POST", "/apps", body, headers)
    app_url, made_with = f"/apps/{first.json['id']}", f"/versions/{first.json['version']['id']}"
    method, target, json_body = {
        "version deleted": ("DELETE", made_with, None),
        "version changed": ("PATCH", made_with, {"changelog": "changed"}),
        "app changed": ("PATCH", app_url, {"description": "changed"}),
        "app deleted": ("DELETE", app_url, None),
    }[change]
    assert wire.ask(method, target, json_body).status in {200, 204}
    state = wire.ask("GET", target).body
    again = wire.ask("POST", "/apps", body, headers)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.header("idempotent-replayed") == "true"
    assert wire.ask("GET", target).body == state
    if change == "version deleted":
        assert wire.ask("GET", f"{app_url}/versions").json == []


def test_a_checkpoint_with_an_idempotency_key_is_signed_once(wire):
    app(wire)
    headers = {"Idempotency-Key": unique_name("key")}
    first = wire.ask("POST", "/audit/checkpoints", None, headers)
    app(wire)
    again = wire.ask("POST", "/audit/checkpoints", None, headers)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.header("idempotent-replayed") == "true"


def test_an_idempotency_key_belongs_to_its_caller_and_is_released_on_rejection(wire, daemon):
    key = {"Idempotency-Key": unique_name("key")}
    name = unique_name()
    created_resource(wire.ask("POST", "/apps", {"name": name}))
    assert wire.ask("POST", "/apps", {"name": name}, key).status == 409
    fresh = created_resource(wire.ask("POST", "/apps", {"name": unique_name()}, key))
    secret = created_resource(wire.ask("POST", "/auth/keys", {"name": "other", "scopes": ["apps:write"]}))[
        "key"
    ]
    with daemon.wire(secret) as another:
        assert (
            created_resource(another.ask("POST", "/apps", {"name": unique_name()}, key))["id"] != fresh["id"]
        )


def test_a_created_resource_is_found_at_its_location(wire):
    for kind, (target, body) in posts(wire).items():
        reply = wire.ask("POST", target, body)
        result = wire.ask("GET", reply.header("location"))
        assert result.status == 200, (kind, result.text)
        if kind not in {"status", "key", "app with version"}:
            assert result.json == reply.json, kind
            assert result.header("etag") == reply.header("etag"), kind


# States.


def resources(wire: Wire) -> dict[str, tuple[str, str, dict | None]]:
    """Return the URL of a resource of every kind, and a change of it."""
    going = deployment(wire, unique_name("env"))
    user = created_resource(
        wire.ask("POST", "/users", {"username": unique_name("user"), "password": PASSWORD})
    )
    key = created_resource(wire.ask("POST", "/auth/keys", {"name": "a key", "scopes": ["apps:read"]}))
    bound = created_resource(wire.ask("POST", "/auth/bindings", BINDING))
    environment = created_resource(wire.ask("POST", "/environments", {"name": unique_name("env")}))
    return {
        "app": (f"/apps/{app(wire)['id']}", "PATCH", {"description": "changed"}),
        "version": (f"/versions/{version(wire, app(wire))['id']}", "PATCH", {"changelog": "changed"}),
        "deployment": (f"/deployments/{going['id']}", "PUT", {"status": "in_progress"}),
        "environment": (f"/environments/{environment['name']}", "PATCH", {"sort_order": 7}),
        "user": (f"/users/{user['id']}", "PATCH", {"role": "viewer"}),
        "key": (f"/auth/keys/{key['id']}", "DELETE", None),
        "binding": (f"/auth/bindings/{bound['id']}", "DELETE", None),
    }


@pytest.mark.parametrize("kind", ["app", "version", "deployment", "environment", "user", "key", "binding"])
def test_a_resource_has_an_etag_and_rejects_changes_with_a_stale_one(wire, kind):
    target, method, change = resources(wire)[kind]
    etag = wire.ask("GET", target).header("etag")
    assert re.fullmatch(r'"(\d+\.)?1"', etag)
    for same in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        unchanged = wire.ask("GET", target, None, {"If-None-Match": same})
        assert (unchanged.status, unchanged.body, unchanged.header("etag")) == (304, b"", etag)
    assert wire.ask("GET", target, None, {"If-None-Match": '"999"'}).status == 200
    for stale in ('"999"', f"W/{etag}", "nonsense", f"x{etag}", f'"998", W/{etag}'):
        assert wire.ask(method, target, change, {"If-Match": stale}).status == 412, stale
    assert wire.ask("GET", target).header("etag") == etag
    changed = wire.ask(method, target, change, {"If-Match": f'"999", {etag}'})
    assert changed.status in {200, 204}, changed.text
    if changed.status == 200:
        assert changed.header("etag") == wire.ask("GET", target).header("etag") != etag
        rejection = wire.ask("DELETE", target, None, {"If-Match": etag})
        assert rejection.status == 412
        assert f"If-Match has {etag}" in rejection.json["detail"]


@pytest.mark.parametrize("kind", ["app", "version", "environment"])
def test_a_resource_that_reuses_a_name_has_another_etag(wire, kind):
    name, owner = unique_name(), app(wire)
    targets = {
        "app": ("/apps", {"name": name}, f"/apps/{name}"),
        "version": (f"/apps/{owner['id']}/versions", {"tag": name}, f"/apps/{owner['id']}/versions/{name}"),
        "environment": ("/environments", {"name": name}, f"/environments/{name}"),
    }
    collection, body, target = targets[kind]
    created_resource(wire.ask("POST", collection, body))
    etag = wire.ask("GET", target).header("etag")
    address = f"/versions/{wire.ask('GET', target).json['id']}" if kind == "version" else target
    assert wire.ask("DELETE", address, None, {"If-Match": etag}).status == 204
    created_resource(wire.ask("POST", collection, body))
    other = wire.ask("GET", target, None, {"If-None-Match": etag})
    assert (other.status, other.header("etag") != etag) == (200, True)
    method, change = ("PUT", {"commit": "abc1234"}) if kind == "version" else ("PATCH", {})
    assert wire.ask(method, target, change, {"If-Match": etag}).status == 412


def test_a_lock_has_an_etag_and_supports_not_modified(wire):
    target = f"/versions/{version(wire, app(wire))['id']}/lock"
    tag = wire.ask("GET", target).header("etag")
    assert wire.ask("GET", target, None, {"If-None-Match": tag}).status == 304


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory):
    """Yield a server that requires a precondition for every write."""
    daemon = Daemon(tmp_path_factory.mktemp("strict"), "--require-if-match")
    try:
        yield daemon.start()
    finally:
        daemon.end()


def test_a_strict_server_rejects_changes_without_a_precondition(strict_server):
    with strict_server.wire(strict_server.login()["access_token"]) as wire:
        new = app(wire)
        for method, body in (("PUT", {"name": new["name"]}), ("PATCH", {}), ("DELETE", None)):
            rejection = wire.ask(method, f"/apps/{new['id']}", body)
            assert rejection.status == 428, rejection.text
            assert "If-Match" in rejection.json["detail"]
        target = f"/apps/{new['id']}/versions/1.0.0"
        first = wire.ask("PUT", target, {}, {"If-Match": "*"})
        assert first.status == 201
        assert wire.ask("PUT", target, {}, {"If-Match": first.header("etag")}).status == 200
        etag = wire.ask("GET", f"/apps/{new['id']}").header("etag")
        assert wire.ask("DELETE", f"/apps/{new['id']}", None, {"If-Match": etag}).status == 204

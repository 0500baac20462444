"""Privileges cannot be extended, nor kept after they were revoked."""

from __future__ import annotations

import uuid

import pytest

from support.server.accounts import PASSWORD
from support.server.concurrent_writers import pages
from support.server.server_process import Daemon

SCOPES = ["apps:read", "apps:write", "versions:write", "deployments:write", "audit:read", "users:admin"]


def test_users_cannot_grant_themselves_more(accounts):
    user, viewer = accounts.new_user("user"), accounts.new_user("viewer")
    key = accounts.key(["apps:read"])
    attempts = [
        (user, "PATCH", f"/users/{user.id}", {"role": "admin"}),
        (user, "PATCH", f"/users/{user.name}", {"role": "admin"}),
        (viewer, "PATCH", f"/users/{viewer.id}", {"role": "user"}),
        (user, "POST", "/users", {"username": "evil", "password": PASSWORD, "role": "admin"}),
        (user, "DELETE", "/users/1", None),
        (user, "PATCH", "/users/1", {"active": False}),
        (user, "PATCH", "/users/1", {"password": PASSWORD}),
        (user, "POST", "/auth/keys", {"name": "evil", "scopes": ["users:admin"]}),
        (viewer, "POST", "/auth/keys", {"name": "evil", "scopes": ["apps:read", "apps:write"]}),
        (user, "POST", "/auth/bindings", binding(["apps:read"])),
        (user, "POST", "/audit/checkpoints", {}),
    ]
    for caller, method, target, body in attempts:
        with accounts.daemon.wire(caller.token) as wire:
            reply = wire.ask(method, target, body)
            assert reply.status == 403, (caller, method, target, body, reply, reply.text)
    with accounts.daemon.wire(key) as wire:
        for body in ({"name": "evil", "scopes": ["apps:read"]}, {"name": "evil", "scopes": SCOPES}):
            assert wire.ask("POST", "/auth/keys", body).status == 403
    with accounts.daemon.wire(user.token) as wire:
        assert wire.ask("GET", "/auth/me").json["role"] == "user"


def binding(scopes):
    return {
        "issuer": "https://token.example",
        "audience": "alm",
        "claims": {"repository_id": "1"},
        "scopes": scopes,
    }


def test_a_key_with_the_users_scope_cannot_create_users_with_more(accounts):
    with accounts.daemon.wire(accounts.key(["users:admin"])) as wire:
        body = {"username": f"evil-{uuid.uuid4().hex[:8]}", "password": PASSWORD, "role": "admin"}
        assert wire.ask("POST", "/users", body).status == 403
        assert wire.ask("PATCH", "/users/1", {"password": PASSWORD}).status == 403
        assert wire.ask("DELETE", "/users/1").status == 403
        assert wire.ask("POST", "/auth/bindings", binding(["apps:write"])).status == 403


def test_a_role_field_in_other_bodies_is_an_error(accounts):
    user = accounts.new_user("user")
    with accounts.daemon.wire(user.token) as wire:
        for target, body in (
            ("/auth/password", {"current": user.password, "new": PASSWORD + "!", "role": "admin"}),
            ("/auth/keys", {"name": "k", "scopes": ["apps:read"], "role": "admin"}),
            ("/auth/keys", {"name": "k", "scopes": ["apps:read"], "user_id": 1}),
            ("/apps", {"name": f"a-{uuid.uuid4().hex[:8]}", "id": 1}),
            ("/auth/login", {"username": user.name, "password": user.password, "role": "admin"}),
        ):
            assert wire.ask("POST", target, body).status == 400, (target, body)


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-User: admin",
        "X-Remote-User: admin",
        "X-Original-URL: /healthz",
        "X-Rewrite-URL: /healthz",
        "X-HTTP-Method-Override: GET",
        "X-Forwarded-For: 127.0.0.1",
        "X-Actor: user:admin",
        "Forwarded: for=127.0.0.1",
    ],
)
def test_no_other_header_authenticates(accounts, header):
    name, _, value = header.partition(": ")
    for token, method, target, body, want in (
        ("", "GET", "/users", None, 401),
        (accounts.token("viewer"), "POST", "/apps", {"name": "evil"}, 403),
        (accounts.token("viewer"), "DELETE", "/apps/evil", None, 403),
    ):
        with accounts.daemon.wire(token) as wire:
            assert wire.ask(method, target, body, {name: value}).status == want


def test_credentials_of_a_user_lose_the_scopes_that_the_user_loses(accounts, admin_wire):
    user = accounts.new_user("user")
    key = accounts.key(["apps:read", "apps:write"], token=user.token)
    assert status(accounts, key, "POST", "/apps", {"name": f"a-{uuid.uuid4().hex[:8]}"}) == 201
    assert admin_wire.ask("PATCH", f"/users/{user.id}", {"role": "viewer"}).status == 200
    assert status(accounts, user.token, "GET", "/apps") == 401
    assert status(accounts, key, "POST", "/apps", {"name": f"a-{uuid.uuid4().hex[:8]}"}) == 403
    assert status(accounts, key, "GET", "/apps") == 200
    assert admin_wire.ask("PATCH", f"/users/{user.id}", {"active": False}).status == 200
    assert status(accounts, key, "GET", "/apps") == 401


@pytest.mark.parametrize("end", ["deactivated", "deleted", "another password", "signed out"])
def test_a_disabled_user_loses_access_at_once(accounts, admin_wire, end):
    user = accounts.new_user("user")
    key = accounts.key(["apps:read"], token=user.token)
    assert status(accounts, user.token, "GET", "/apps") == 200
    if end == "deactivated":
        assert admin_wire.ask("PATCH", f"/users/{user.id}", {"active": False}).status == 200
    elif end == "deleted":
        assert admin_wire.ask("DELETE", f"/users/{user.id}").status == 204
    elif end == "another password":
        change = {"current": user.password, "new": PASSWORD + "?"}
        assert status(accounts, user.token, "POST", "/auth/password", change) in {200, 204}
    else:
        assert status(accounts, user.token, "POST", "/auth/logout", {}) == 204
    assert status(accounts, user.token, "GET", "/apps") == 401
    assert status(accounts, "", "POST", "/auth/refresh", {"refresh_token": user.refresh}) == 401
    assert status(accounts, key, "GET", "/apps") == (401 if end in {"deactivated", "deleted"} else 200)


def test_keys_are_visible_only_to_their_creator(accounts):
    owner, another = accounts.new_user("user"), accounts.new_user("user")
    key = accounts.key(["apps:read"], token=owner.token)
    number = key.split("_")[1]
    assert status(accounts, another.token, "DELETE", f"/auth/keys/{number}") in {403, 404}
    with accounts.daemon.wire(another.token) as wire:
        assert wire.ask("GET", "/auth/keys").json == []
        assert all(owner.name not in str(item) for item in wire.ask("GET", "/auth/keys?user_id=1").json)
    assert status(accounts, key, "GET", "/apps") == 200


def test_the_last_admin_cannot_be_removed(tmp_path):
    # A server of its own: other tests of a shared one may have created another admin.
    daemon = Daemon(tmp_path).start()
    try:
        with daemon.wire(daemon.login()["access_token"]) as ruling:
            for method, body in (("DELETE", None), ("PATCH", {"role": "user"}), ("PATCH", {"active": False})):
                assert ruling.ask(method, "/users/1", body).status == 409
    finally:
        daemon.end()


def test_an_approval_requires_another_user(accounts, admin_wire):
    environment = f"gated-{uuid.uuid4().hex[:8]}"
    rules = {"rules": {"requires_approval": True}}
    assert admin_wire.ask("PUT", f"/environments/{environment}", rules).status == 201
    made = accounts.app_with_version(admin_wire, f"gated-{uuid.uuid4().hex[:8]}")
    user = accounts.new_user("user")
    with accounts.daemon.wire(user.token) as wire:
        body = {"version_id": made["version"]["id"], "environment": environment}
        deployment = wire.ask("POST", "/deployments", body).json
        assert deployment["status"] == "awaiting_approval"
        target = f"/deployments/{deployment['id']}"
        for method, where in (("POST", f"{target}/statuses"), ("PUT", target)):
            assert wire.ask(method, where, {"status": "in_progress"}).status == 403
    key = accounts.key(["deployments:read", "deployments:write"], token=user.token)
    with accounts.daemon.wire(key) as program:
        assert program.ask("GET", "/auth/me").json["user_id"] == user.id
        assert program.ask("POST", f"{target}/statuses", {"status": "in_progress"}).status == 403
    assert admin_wire.ask("POST", f"{target}/statuses", {"status": "in_progress"}).status == 201


def status(people, token, method, target, body=None):
    with people.daemon.wire(token) as wire:
        return wire.ask(method, target, body).status


def test_a_failed_sign_in_is_recorded_once_without_the_input(accounts, admin_wire):
    typed = f"typed-{uuid.uuid4().hex}"
    user = accounts.new_user("viewer")
    accounts.daemon.settle(accounts.admin)
    before = len(list(pages(admin_wire, "/audits?event_type=LoginFailed&limit=200")))
    for username in (user.name, typed):
        assert status(accounts, "", "POST", "/auth/login", {"username": username, "password": typed}) == 401
    accounts.daemon.settle(accounts.admin)
    failed = list(pages(admin_wire, "/audits?event_type=LoginFailed&limit=200"))
    assert len(failed) == before + 2
    assert typed not in str(failed)
    denied = pages(admin_wire, "/audits?event_type=AccessDenied&limit=200")
    assert [entry for entry in denied if entry["payload"]["path"] == "/auth/login"] == []


def test_a_key_for_an_app_follows_the_app_and_not_its_name(accounts, admin_wire):
    mine, old = f"mine-{uuid.uuid4().hex[:8]}", f"old-{uuid.uuid4().hex[:8]}"
    assert admin_wire.ask("POST", "/apps", {"name": old}).status == 201
    key = accounts.key(["apps:read", "versions:read", "versions:write"], apps=[old])
    assert admin_wire.ask("PATCH", f"/apps/{old}", {"name": mine}).status == 200
    assert admin_wire.ask("POST", "/apps", {"name": old}).status == 201
    # No wait for events: the scope of a key does not depend on their arrival.
    assert status(accounts, key, "PUT", f"/apps/{mine}/versions/1.0", {}) == 201
    assert status(accounts, key, "PUT", f"/apps/{old}/versions/1.0", {}) == 404
    assert admin_wire.ask("DELETE", f"/apps/{mine}").status == 204
    assert admin_wire.ask("POST", "/apps", {"name": mine}).status == 201
    assert status(accounts, key, "GET", f"/apps/{mine}") == 404
    successor = accounts.key(["apps:read", "versions:write"], apps=[mine])
    accounts.daemon.settle(accounts.admin)
    assert status(accounts, key, "GET", f"/apps/{mine}") == 404
    assert status(accounts, successor, "PUT", f"/apps/{mine}/versions/1.0", {}) == 201

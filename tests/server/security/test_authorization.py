"""Authorization: every operation by every kind of credential, and each denial is recorded once."""

from __future__ import annotations

import uuid
from collections import Counter
from itertools import count

import pytest

from support.server.accounts import PASSWORD
from support.server.concurrent_writers import pages

OPEN, SIGNED_IN, PERSON = "open to all", "any credential", "a signed-in user"
PERSON_OR_RULER, ADMIN = "a signed-in user, or a key for users", "a signed-in admin"
NEEDS = {
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": OPEN,
    "GET /openapi.json": OPEN,
    "GET /docs": OPEN,
    "GET /.well-known/jwks.json": OPEN,
    "POST /auth/login": OPEN,
    "POST /auth/refresh": OPEN,
    "POST /auth/token": OPEN,
    "POST /auth/logout": PERSON,
    "GET /auth/me": SIGNED_IN,
    "POST /auth/password": PERSON,
    "POST /auth/keys": PERSON,
    "GET /auth/keys": PERSON_OR_RULER,
    "GET /auth/keys/{key_id}": PERSON_OR_RULER,
    "DELETE /auth/keys/{key_id}": PERSON_OR_RULER,
    "GET /auth/bindings": "users:admin",
    "POST /auth/bindings": "users:admin",
    "GET /auth/bindings/{binding_id}": "users:admin",
    "DELETE /auth/bindings/{binding_id}": "users:admin",
    "GET /users": "users:admin",
    "POST /users": "users:admin",
    "GET /users/{user}": "users:admin",
    "PATCH /users/{user}": "users:admin",
    "DELETE /users/{user}": "users:admin",
    "GET /apps": "apps:read",
    "POST /apps": "apps:write",
    "GET /apps/{app}": "apps:read",
    "PUT /apps/{app}": "apps:write",
    "PATCH /apps/{app}": "apps:write",
    "DELETE /apps/{app}": "apps:write",
    "GET /versions": "versions:read",
    "POST /versions": "versions:write",
    "GET /versions/{version_id}": "versions:read",
    "PUT /versions/{version_id}": "versions:write",
    "PATCH /versions/{version_id}": "versions:write",
    "DELETE /versions/{version_id}": "versions:write",
    "GET /versions/{version_id}/lock": "versions:read",
    "GET /apps/{app}/versions": "versions:read",
    "POST /apps/{app}/versions": "versions:write",
    "GET /apps/{app}/versions/{tag}": "versions:read",
    "PUT /apps/{app}/versions/{tag}": "versions:write",
    "GET /apps/{app}/versions/{tag}/lock": "versions:read",
    "GET /tools/{tool}/usage": "versions:read",
    "GET /deployments": "deployments:read",
    "POST /deployments": "deployments:write",
    "GET /deployments/{deployment_id}": "deployments:read",
    "PUT /deployments/{deployment_id}": "deployments:write",
    "DELETE /deployments/{deployment_id}": "deployments:write",
    "GET /deployments/{deployment_id}/statuses": "deployments:read",
    "POST /deployments/{deployment_id}/statuses": "deployments:write",
    "GET /environments": "deployments:read",
    "POST /environments": "environments:write",
    "GET /environments/{name}": "deployments:read",
    "PUT /environments/{name}": "environments:write",
    "PATCH /environments/{name}": "environments:write",
    "DELETE /environments/{name}": "environments:write",
    "GET /matrix": "deployments:read",
    "GET /audits": "audit:read",
    "GET /audits/{seq}": "audit:read",
    "GET /audit/events": "audit:read",
    "GET /audit/stats": "audit:read",
    "GET /audit/checkpoints": "audit:read",
    "POST /audit/checkpoints": ADMIN,
}
READS = {"apps:read", "versions:read", "deployments:read", "audit:read"}
WRITES = {"apps:write", "versions:write", "deployments:write"}
MAY = {
    "admin": READS | WRITES | {"environments:write", "users:admin"},
    "user": READS | WRITES,
    "viewer": READS,
}
SCOPES = sorted(MAY["admin"])
BODIES = {
    "POST /auth/keys": {"name": "a key", "scopes": ["apps:read"]},
    "POST /auth/password": {"current": PASSWORD, "new": "short"},
}
"""Bodies for operations that reject an empty one before authorization."""


def operations(wire):
    """Yield every operation of the OpenAPI document in the form of the table."""
    paths = wire.ask("GET", "/openapi.json").json["paths"]
    methods = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
    return {
        f"{method.upper()} {path}"
        for path, path_methods in paths.items()
        for method in path_methods
        if method in methods
    }


def target_of(operation):
    """Return a path for a resource that does not exist."""
    method, path = operation.split(" ")
    steps = [("9" * 9 if step.startswith("{") else step) for step in path.split("/")]
    return method, "/".join(steps)


def ask(people, token, operation, numbers):
    """Send an operation for a missing resource, with a unique request id."""
    method, target = target_of(operation)
    request_id = f"asked-{next(numbers)}"
    body = BODIES.get(operation, {}) if method in {"POST", "PUT", "PATCH"} else None
    with people.daemon.wire(token) as wire:
        return request_id, wire.ask(method, target, body, {"X-Request-ID": request_id}).status


def expected(needs, role, scopes):
    """Return the expected status of a credential: 401, 403, or neither."""
    if needs == OPEN:
        return None
    if role == "anonymous":
        return 401
    is_person = role != "ci"
    let_in = {
        SIGNED_IN: True,
        PERSON: is_person,
        PERSON_OR_RULER: is_person or "users:admin" in scopes,
        ADMIN: role == "admin",
    }
    return None if let_in.get(needs, needs in scopes) else 403


def test_the_table_has_exactly_the_operations_of_the_api(admin_wire):
    assert operations(admin_wire) == set(NEEDS)


def test_every_operation_requires_its_scope_and_each_denial_is_recorded_once(accounts):
    numbers, wrong, refused = count(), [], {}
    for caller, (token, role, scopes) in credentials_of_all_kinds(accounts).items():
        for operation, needs in NEEDS.items():
            if operation in {"POST /auth/login", "POST /auth/refresh", "POST /auth/token"}:
                continue  # they accept other credentials, and repeated failures are rate limited
            fresh = accounts.fresh(token) if operation == "POST /auth/logout" else token
            request_id, status = ask(accounts, fresh, operation, numbers)
            want = expected(needs, role, scopes)
            if (status if status in {401, 403} else None) != want or status >= 500:
                wrong.append((caller, operation, status, want))
            if status in {401, 403}:
                refused[request_id] = (operation.split(" ")[0], target_of(operation)[1], status)
    assert not wrong, "\n".join(map(str, wrong))
    assert len(refused) > 400
    accounts.daemon.settle(accounts.admin)
    with accounts.daemon.wire(accounts.admin) as wire:
        denials = [entry["payload"] for entry in pages(wire, "/audits?event_type=AccessDenied&limit=200")]
    on_record = Counter(
        (item["request_id"], item["method"], item["path"], item["status"])
        for item in denials
        if item["request_id"].startswith("asked-")
    )
    assert on_record == Counter((request_id, *denial) for request_id, denial in refused.items())


def credentials_of_all_kinds(people):
    """Return every kind of credential, with its kind and its scopes."""
    none = frozenset()
    return {
        "anonymous": ("", "anonymous", none),
        "an unknown token": ("garbage", "anonymous", none),
        **{role: (people.token(role), role, scopes) for role, scopes in MAY.items()},
        **{f"a key for {scope}": (people.key([scope]), "ci", {scope}) for scope in SCOPES},
        "a key for all": (people.key(SCOPES), "ci", set(SCOPES)),
        "a revoked key": (people.revoked_key(SCOPES), "anonymous", none),
        "an expired key": (expired_key(people), "anonymous", none),
        "a signed-out user": (people.signed_out(), "anonymous", none),
    }


def expired_key(people):
    """Create a key and let it expire."""
    key = people.key(SCOPES, expires_in=60)
    people.daemon.kill()
    over = "UPDATE api_key SET expires_at = created_at + 1 WHERE expires_at IS NOT NULL RETURNING id"
    assert people.daemon.execute("gateway", over)
    people.daemon.start()
    return key


# Credentials for one app.


@pytest.fixture(scope="session")
def two_apps(accounts):
    """Return the app of a credential, another app with the same placements, and the credential."""
    mine, other = (f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("mine", "other"))
    with accounts.daemon.wire(accounts.admin) as wire:
        made = {name: accounts.deployed_app(wire, name, "prod") for name in (mine, other)}
    return made[mine], made[other], accounts.key(READS | WRITES, apps=[mine])


def test_a_key_for_an_app_cannot_access_others(accounts, two_apps):
    mine, other, key = two_apps
    app, version, deployment = other["app"], other["version"], other["deployment"]
    step, new = {"status": "rolled_back"}, {"version_id": version["id"], "environment": "staging"}
    attempts = [
        ("GET", f"/apps/{app['id']}", None),
        ("GET", f"/apps/{app['name']}", None),
        ("PUT", f"/apps/{app['id']}", {"name": app["name"], "description": "mine"}),
        ("PATCH", f"/apps/{app['id']}", {"description": "mine"}),
        ("PATCH", f"/apps/{mine['app']['id']}", {"name": f"{app['name']}-2"}),
        ("DELETE", f"/apps/{app['id']}?force=true", None),
        ("POST", "/apps", {"name": f"{app['name']}-3"}),
        ("GET", f"/apps/{app['id']}/versions", None),
        ("GET", f"/apps/{app['name']}/versions/{version['tag']}", None),
        ("GET", f"/apps/{app['name']}/versions/{version['tag']}/lock", None),
        ("PUT", f"/apps/{app['name']}/versions/evil", {}),
        ("POST", f"/apps/{app['name']}/versions", {"tag": "evil"}),
        ("POST", "/versions", {"app_id": app["id"], "tag": "evil"}),
        ("GET", f"/versions/{version['id']}", None),
        ("GET", f"/versions/{version['id']}/lock", None),
        ("PUT", f"/versions/{version['id']}", {"changelog": "evil"}),
        ("PATCH", f"/versions/{version['id']}", {"changelog": "evil"}),
        ("DELETE", f"/versions/{version['id']}", None),
        ("POST", "/deployments", new),
        ("GET", f"/deployments/{deployment['id']}", None),
        ("PUT", f"/deployments/{deployment['id']}", step),
        ("DELETE", f"/deployments/{deployment['id']}", None),
        ("GET", f"/deployments/{deployment['id']}/statuses", None),
        ("POST", f"/deployments/{deployment['id']}/statuses", step),
        ("GET", "/users", None),
        ("POST", "/users", {"username": "evil", "password": PASSWORD, "role": "viewer"}),
        ("GET", "/auth/bindings", None),
        ("PUT", "/environments/prod", {"rules": {"auto_deploy": [{"app": "*"}]}}),
        ("POST", "/environments", {"name": "evil"}),
        ("DELETE", "/environments/prod", None),
    ]
    with accounts.daemon.wire(key) as wire:
        let_in = [
            (method, target, reply.status)
            for method, target, body in attempts
            if (reply := wire.ask(method, target, body)).status not in {403, 404}
            or app["description"].encode() in reply.body
        ]
    assert let_in == []
    with accounts.daemon.wire(accounts.admin) as wire:
        assert wire.ask("GET", f"/apps/{app['id']}").json == app
        assert wire.ask("GET", f"/versions/{version['id']}").json == version
        assert wire.ask("GET", f"/deployments/{deployment['id']}").json == deployment


@pytest.mark.parametrize(
    "target",
    [
        "/apps",
        "/apps?name={other}",
        "/versions",
        "/versions?app={other}",
        "/versions?app_id={other_id}",
        "/deployments",
        "/deployments?environment=prod",
        "/deployments?app={other}",
        "/matrix",
        "/matrix?environment=prod",
        "/tools/nodejs/usage?range=*",
        "/audits?limit=200",
        "/audits?resource=app/{other_id}",
        "/audit/events",
        "/audit/stats",
    ],
)
def test_a_key_for_an_app_does_not_list_others(accounts, two_apps, target):
    mine, other, key = two_apps
    name, id_ = other["app"]["name"], other["app"]["id"]
    with accounts.daemon.wire(key) as wire:
        reply = wire.ask("GET", target.format(other=name, other_id=id_))
    assert reply.status in {200, 403, 404}, reply.text
    seen = reply.body.decode()
    if reply.status == 200:
        assert name not in seen
        assert other["app"]["description"] not in seen
    if target in {"/apps", "/versions", "/deployments", "/matrix"}:
        assert mine["app"]["name"] in seen


def test_a_key_for_an_app_cannot_access_a_deleted_namesake(accounts):
    name = f"shop-{uuid.uuid4().hex[:8]}"
    with accounts.daemon.wire(accounts.admin) as wire:
        old = accounts.deployed_app(wire, name, "prod")["deployment"]
        assert wire.ask("DELETE", f"/apps/{name}?force=true").status == 204
        new = accounts.app_with_version(wire, name)
    target, retired = f"/deployments/{old['id']}", {"status": "superseded"}
    with accounts.daemon.wire(accounts.key(READS | WRITES, apps=[name])) as wire:
        for path in ("/deployments", f"/deployments?app_id={old['app_id']}"):
            assert wire.ask("GET", path).json == []
        matrix = wire.ask("GET", "/matrix").json
        assert matrix["placements"] == []
        assert {app["id"] for app in matrix["apps"]} <= {new["app"]["id"]}
        for request in (
            ("GET", target),
            ("PUT", target, retired),
            ("GET", f"{target}/statuses"),
            ("POST", f"{target}/statuses", retired),
            ("DELETE", target),
        ):
            assert wire.ask(*request).status == 404
        made = wire.ask("POST", "/deployments", {"version_id": new["version"]["id"], "environment": "prod"})
        assert made.status == 201, made.text
        assert [item["id"] for item in wire.ask("GET", "/deployments").json] == [made.json["id"]]
    with accounts.daemon.wire(accounts.admin) as wire:
        seen = wire.ask("GET", f"/deployments?app_id={old['app_id']}").json
    assert [item["id"] for item in seen] == [old["id"]]


def test_a_key_for_an_app_can_access_its_app(accounts, two_apps):
    mine, _, key = two_apps
    with accounts.daemon.wire(key) as wire:
        made = wire.ask("PUT", f"/apps/{mine['app']['name']}/versions/2.0.0", {})
        assert made.status == 201
        assert wire.ask("GET", f"/apps/{mine['app']['name']}").status == 200
        body = {"version_id": made.json["id"], "environment": "prod"}
        assert wire.ask("POST", "/deployments", body).status == 201

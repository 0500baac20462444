"""A resource outside the scope of a credential has the same response as a missing one, byte for byte."""

from __future__ import annotations

import json
import re
import uuid

import pytest

READS = ["apps:read", "versions:read", "deployments:read", "audit:read"]
WRITES = ["apps:write", "versions:write", "deployments:write", "environments:write", "users:admin"]
MISSING_ID = "987654321"
BODIES = {
    "POST /versions": lambda hidden: {"app_id": int(hidden["app_id"]), "tag": "evil"},
    "POST /deployments": lambda hidden: {"version_id": int(hidden["version_id"]), "environment": "prod"},
    "POST /apps/{app}/versions": lambda _: {"tag": "evil"},
    "PUT /apps/{app}": lambda _: {"name": "evil"},
    "PUT /deployments/{deployment_id}": lambda _: {"status": "cancelled"},
    "POST /deployments/{deployment_id}/statuses": lambda _: {"status": "cancelled"},
}


def _operations(document):
    """Yield each operation with an app, a version or a deployment in its path or body."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            key = f"{method.upper()} {path}"
            if set(re.findall(r"\{(\w+)\}", path)) & {"app", "version_id", "deployment_id"} or key in BODIES:
                yield key


@pytest.fixture(scope="module")
def apps(accounts):
    """Return a deployed app, a hidden one, and a key for the first."""
    with accounts.daemon.wire(accounts.admin) as wire:
        mine, hidden = (
            accounts.deployed_app(wire, f"{kind}-{uuid.uuid4().hex[:8]}", "prod")
            for kind in ("mine", "topsecret")
        )
    return hidden, accounts.key([*READS, *WRITES], apps=[mine["app"]["name"]])


def _values(hidden):
    """Return the values of an operation's parameters for the hidden app and for a missing one."""
    app, version, deployment = hidden["app"], hidden["version"], hidden["deployment"]
    there = {
        "app": app["name"],
        "app_id": str(app["id"]),
        "tag": version["tag"],
        "version_id": str(version["id"]),
        "deployment_id": str(deployment["id"]),
    }
    missing = {
        "app": f"missing-{uuid.uuid4().hex[:8]}",
        "app_id": MISSING_ID,
        "tag": version["tag"],
        "version_id": MISSING_ID,
        "deployment_id": MISSING_ID,
    }
    return there, missing


def _ask(wire, key, values, *, by_id):
    method, path = key.split(" ")
    filled = dict(values, app=values["app_id"]) if by_id else values
    target = re.sub(r"\{(\w+)\}", lambda match: filled[match[1]], path)
    body = BODIES.get(key, lambda _: {})(values) if method in {"POST", "PUT", "PATCH"} else None
    reply = wire.ask(method, target, body, {"X-Request-ID": "the-same"})
    return reply.status, _anonymous(reply.body.decode(), values)


def _anonymous(text, values):
    """Return a body without the values of the request, which it may repeat."""
    for name in ("app", "app_id", "version_id", "deployment_id"):
        text = re.sub(rf"(?<![0-9A-Za-z]){re.escape(values[name])}(?![0-9A-Za-z])", "?", text)
    return text


@pytest.mark.parametrize("by_id", [False, True], ids=["by name", "by id"])
def test_a_hidden_resource_is_answered_as_one_that_does_not_exist(accounts, apps, by_id):
    hidden, key = apps
    there, missing = _values(hidden)
    with accounts.daemon.wire(key) as wire:
        document = wire.ask("GET", "/openapi.json").json
        responses = {
            operation: [_ask(wire, operation, values, by_id=by_id) for values in (there, missing)]
            for operation in _operations(document)
        }
    assert len(responses) >= 20
    wrong = {operation: pair for operation, pair in responses.items() if pair[0] != pair[1]}
    assert wrong == {}
    assert {pair[0][0] for pair in responses.values()} == {404}


FILTERS = ["/versions?app={}", "/deployments?app={}", "/versions?app_id={}", "/deployments?app_id={}"]
FILTERS += ["/apps?name={}", "/audits?resource=app/{}", "/deployments?version_id={}"]


@pytest.mark.parametrize("target", FILTERS)
def test_a_filter_by_a_hidden_app_is_answered_as_one_by_none(accounts, apps, target):
    hidden, key = apps
    there, missing = _values(hidden)
    name = next(
        (name for name in ("app_id", "version_id") if f"{name}=" in target),
        "app_id" if "resource" in target else "app",
    )
    with accounts.daemon.wire(key) as wire:
        responses = [wire.ask("GET", target.format(values[name])) for values in (there, missing)]
    first, second = (
        (response.status, _anonymous(response.body.decode(), values))
        for response, values in zip(responses, (there, missing), strict=True)
    )
    assert first == second


def test_enumerating_ids_reveals_no_names(accounts, apps):
    hidden, key = apps
    secrets = json.dumps([hidden["app"]["name"], hidden["app"]["description"]])
    with accounts.daemon.wire(key) as wire:
        for kind in ("apps", "versions", "deployments"):
            for number in range(1, int(hidden["deployment"]["id"]) + 3):
                body = wire.ask("GET", f"/{kind}/{number}").body.decode()
                assert not any(secret in body for secret in json.loads(secrets))

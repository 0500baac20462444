"""Affected versions across services, as versions, deployments and apps change."""

from __future__ import annotations

import time
import uuid

import pytest

from support import waiting
from support.services.version_fixtures import lock

TIMEOUT_SECONDS = 20


@pytest.fixture
def wire(daemon, admin):
    with daemon.wire(admin) as wire:
        yield wire


def ask(wire, method, path, body=None, status=200):
    reply = wire.ask(method, path, body)
    assert reply.status == status, (reply.status, reply.text)
    return reply.json if reply.body else None


def ask_usage(wire, path):
    """Return usage, asked for until a busy server has processed all deployments in time."""
    reply = waiting.wait_until(lambda: (response := wire.ask("GET", path)).status != 503 and response)
    assert reply.status == 200, (reply.status, reply.text)
    return reply.json


def push(wire, app, tag, *pins):
    body = {"toolchain": {"lock": lock(*pins)}} if pins else {}
    return ask(wire, "PUT", f"/apps/{app}/versions/{tag}", body, 201)


def deploy(wire, version, environment):
    body = {"version_id": version["id"], "environment": environment}
    deployment = ask(wire, "POST", "/deployments", body, 201)
    for status in ("in_progress", "successful"):
        ask(wire, "POST", f"/deployments/{deployment['id']}/statuses", {"status": status}, 201)


def wait_until(look, expected):
    """Query until the events have arrived."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while (current := look()) != expected and time.monotonic() < end:
        time.sleep(0.02)
    assert current == expected


def test_usage_follows_deployments_updates_renames_and_deletions(wire):
    name, tool = f"shop-{uuid.uuid4().hex[:8]}", f"npm:@{uuid.uuid4().hex}/name"
    environment = f"env-{uuid.uuid4().hex[:8]}"
    usage = f"/tools/{tool.replace('/', '%2F')}/usage?range=%3C2&environment={environment}"

    def uses():
        result = ask_usage(wire, usage)
        assert result["counts"]["matches"] == len(result["matches"])
        return [(use["app"], use["tag"], use["tool_version"]) for use in result["matches"]]

    ask(wire, "POST", "/apps", {"name": name}, 201)
    assert environment in ask(wire, "GET", usage, status=404)["detail"]
    ask(wire, "POST", "/environments", {"name": environment}, 201)
    first = push(wire, name, "1.0", f"{tool}@1.0.0", "go@1.22.0")
    second = push(wire, name, "1.1", f"{tool}@1.1.0")
    third = push(wire, name, "1.2", f"{tool}@2.0.0")
    assert uses() == []
    for version, expected in (
        (first, [(name, "1.0", "1.0.0")]),
        (second, [(name, "1.1", "1.1.0")]),
        (third, []),
    ):
        deploy(wire, version, environment)
        wait_until(uses, expected)
    assert ask(wire, "DELETE", f"/versions/{third['id']}", status=409)["type"] == "/problems/version-in-use"
    deploy(wire, push(wire, name, "1.3", f"{tool}@1.3.0"), environment)
    ask(wire, "PATCH", f"/apps/{name}", {"name": f"{name}-new"})
    wait_until(uses, [(f"{name}-new", "1.3", "1.3.0")])
    ask(wire, "DELETE", f"/apps/{name}-new", status=409)
    ask(wire, "DELETE", f"/apps/{name}-new?force=true", status=204)
    wait_until(uses, [])
    wait_until(lambda: wire.ask("GET", f"/versions/{first['id']}").status, 404)


def test_a_version_without_a_lock_is_reported_wherever_it_is_deployed(wire):
    name, environment = f"bare-{uuid.uuid4().hex[:8]}", f"env-{uuid.uuid4().hex[:8]}"
    created_app = ask(wire, "POST", "/apps", {"name": name, "version": "1.0"}, 201)
    deploy(wire, created_app["version"], environment)
    usage = f"/tools/nodejs/usage?range=%3C20.11.1&environment={environment}"
    wait_until(lambda: [use["app"] for use in ask_usage(wire, usage)["without_lock"]], [name])


def test_usage_includes_every_acknowledged_deployment(wire):
    name, environment = f"prompt-{uuid.uuid4().hex[:8]}", f"env-{uuid.uuid4().hex[:8]}"
    ask(wire, "POST", "/apps", {"name": name}, 201)
    usage = f"/tools/nodejs/usage?range=*&environment={environment}"
    for n in range(50):
        deploy(wire, push(wire, name, f"1.{n}", "nodejs@20.11.0"), environment)
        assert [use["tag"] for use in ask_usage(wire, usage)["matches"]] == [f"1.{n}"]

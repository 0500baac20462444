"""Filters of lists over HTTP: each one narrows the list, and invalid values have hints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server.resources import BINDING, app, created_resource, deployment, version
from support.server.response_checks import unique_name

if TYPE_CHECKING:
    from support.http.raw_client import Wire


def list_items(wire: Wire, target: str) -> list[dict]:
    """Return the items of a list."""
    reply = wire.ask("GET", target)
    assert reply.status == 200, reply.text
    return reply.json


def test_deployments_are_listed_by_the_id_and_by_the_name_of_their_app(wire):
    going = deployment(wire, unique_name("env"))
    deployment(wire, unique_name("env"))
    for ref in (going["app"], going["app_id"]):
        assert list_items(wire, f"/deployments?app={ref}") == [going]


@pytest.mark.parametrize("of", ["versions", "deployments"])
@pytest.mark.parametrize("ref", ["no-such-app", "999999"])
def test_a_list_of_an_unknown_app_is_an_error(wire, of, ref):
    reply = wire.ask("GET", f"/{of}?app={ref}")
    assert (reply.status, reply.json["detail"]) == (404, f"app '{ref}' not found")


def test_versions_are_listed_by_tag_and_by_ref(wire):
    of = app(wire)
    version(wire, of, "1.0.0")
    created_resource(wire.ask("PUT", f"/apps/{of['id']}/versions/2.0.0", {"ref": "refs/heads/main"}))
    prefix, main = f"/apps/{of['id']}/versions?", "ref=refs/heads/main"
    for target in (f"{prefix}tag=2.0.0", prefix + main, f"/versions?app={of['id']}&{main}"):
        assert [item["tag"] for item in list_items(wire, target)] == ["2.0.0"], target
    assert list_items(wire, f"{prefix}ref=main") == []


def test_environments_are_listed_by_name_and_bindings_by_issuer(wire):
    name = created_resource(wire.ask("POST", "/environments", {"name": unique_name("env")}))["name"]
    assert [item["name"] for item in list_items(wire, f"/environments?name={name}")] == [name]
    assert list_items(wire, "/environments?name=moon") == []
    issuer = f"https://{unique_name('ci')}.example"
    bound = created_resource(wire.ask("POST", "/auth/bindings", {**BINDING, "issuer": issuer}))
    created_resource(wire.ask("POST", "/auth/bindings", BINDING))
    assert list_items(wire, f"/auth/bindings?issuer={issuer}") == [bound]


def test_an_invalid_sort_field_is_rejected_with_the_valid_ones(wire):
    reply = wire.ask("GET", "/apps?sort=colour")
    message = "expected one of created_at, id, name, updated_at, or -created_at, -id, -name, -updated_at"
    assert (reply.status, reply.json["errors"]) == (400, [{"pointer": "?sort", "detail": message}])


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "timestamp", ["1763736000000", "2026-01-02", "2026-01-02T03:04:05", "yesterday", "9999-13"]
)
def test_an_invalid_time_is_rejected_with_an_example(wire, name, timestamp):
    reply = wire.ask("GET", f"/audits?{name}={timestamp}")
    message = {
        "pointer": f"?{name}",
        "detail": "expected RFC 3339 with a time zone, such as 2026-01-02T03:04:05Z",
    }
    assert (reply.status, reply.json["errors"]) == (400, [message])
    assert wire.ask("GET", f"/audits?{name}=2026-01-02T03:04:05Z").status == 200

"""Hostile and invalid fields and paths: rejected, and the server still responds."""

from __future__ import annotations

import base64

import pytest

from support.server.concurrent_writers import lock
from support.server.response_checks import check_discreet, check_lives, check_refused, unique_name

MEGABYTE = 1_000_000


# Fields that hold what they cannot.

TEXTS = {
    "a megabyte": "a" * MEGABYTE,
    "empty": "",
    "a blank": " ",
    "a NUL": "a\0b",
    "a line feed at its end": "a\n",
    "another header": "a\r\nSet-Cookie: session=1",
    "a lone surrogate": "\ud800",
    "a backwards pair": "\udc00\ud800",
    "an escape sequence": "\x1b]0;owned\x07",
    "right-to-left": "a\u202eb",
    "SQL": "a'; DROP TABLE app; --",
    "SQL in quotes": '" OR ""="',
    "markup": "<script>alert(1)</script>",
    "a template": "{{7*7}}${7*7}",
    "a path": "../../etc/passwd",
    "a URL's end": "a?b#c",
    "a percent": "%00",
    "full-width": "\uff21\uff30\uff30",
    "all digits": "123",
}
NO_TEXTS = [None, True, 1, 1.5, [], ["a"], {}, {"a": "b"}]


@pytest.mark.parametrize("name", TEXTS)
def test_names_with_invalid_characters_are_rejected(daemon, wire, name):
    for method, target, body in naming(TEXTS[name]):
        if name == "all digits" and target not in {"/apps", "/apps/1"}:
            continue
        check_refused(daemon, wire.ask(method, target, body), {400})


def naming(value):
    """Yield every request that contains a name."""
    return [
        ("POST", "/apps", {"name": value}),
        ("PUT", "/apps/1", {"name": value}),
        ("PATCH", "/apps/1", {"name": value}),
        ("POST", "/apps", {"name": unique_name(), "version": value})
        if value != "123"
        else ("PUT", "/apps/1", {}),
        ("POST", "/versions", {"app_id": 1, "tag": value}),
        ("POST", "/apps/1/versions", {"tag": value}),
        ("POST", "/deployments", {"version_id": 1, "environment": value}),
        ("POST", "/environments", {"name": value}),
        ("POST", "/users", {"username": value, "password": "a long enough one", "role": "viewer"}),
    ]


@pytest.mark.parametrize("value", NO_TEXTS, ids=repr)
def test_a_name_of_another_type_is_rejected(daemon, wire, value):
    for method, target, body in naming(value):
        check_refused(daemon, wire.ask(method, target, body), {400})


@pytest.mark.parametrize(
    "text",
    ["a\0b", "\x1b[2J", "\ud800", "a\udfff", "a" * 30_000, "a" * MEGABYTE, "\x7f"],
    ids=lambda text: ascii(text[:8]),
)
def test_texts_with_invalid_characters_are_rejected(daemon, wire, text):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    for method, target, body in [
        ("POST", "/apps", {"name": unique_name(), "description": text}),
        ("PATCH", f"/apps/{app['id']}", {"description": text}),
        ("PUT", f"/apps/{app['id']}/versions/1", {"changelog": text}),
        ("PUT", f"/apps/{app['id']}/versions/1", {"ref": text}),
        ("PUT", f"/apps/{app['id']}/versions/1", {"build": {"ci": text}}),
        ("PUT", f"/apps/{app['id']}/versions/1", {"build": {"url": text}}),
        (
            "PUT",
            f"/apps/{app['id']}/versions/1",
            {"artifacts": [{"name": text, "digest": f"sha256:{'0' * 64}"}]},
        ),
        ("PUT", f"/apps/{app['id']}/versions/1", {"toolchain": {"lock": lock(), "dotfile": text}}),
        ("POST", "/deployments", {"version_id": 1, "environment": "prod", "reason": text}),
        ("POST", "/deployments/1/statuses", {"status": "successful", "reason": text}),
        ("PUT", "/environments/prod", {"rules": {"blocked": text}}),
        ("PUT", "/environments/prod", {"rules": {"auto_deploy": [{"app": text}]}}),
    ]:
        check_refused(daemon, wire.ask(method, target, body), {400})
    assert wire.ask("GET", f"/apps/{app['id']}").json == app


@pytest.mark.parametrize(
    "number",
    ["0", "-1", "1.5", "1e400", "true", "null", '"1"', "[]", str(2**53), str(2**63), str(2**64), "9" * 5000],
    ids=lambda text: text[:24],
)
def test_invalid_numbers_are_rejected(daemon, wire, number):
    for target, body in [
        ("/versions", '{"app_id": %s, "tag": "1"}'),
        ("/deployments", '{"version_id": %s, "environment": "prod"}'),
        ("/auth/keys", '{"name": "k", "scopes": ["apps:read"], "expires_in": %s}'),
    ]:
        if (target, number) == ("/auth/keys", "null"):
            continue
        reply = wire.ask("POST", target, (body % number).encode())
        check_refused(daemon, reply, {400})


def test_only_sortable_fields_are_accepted_as_sort_order(daemon, wire):
    for number in (2**63, 2**64, -(2**63) - 1, 10**400, 1.5):
        body = f'{{"name": "{unique_name("env")}", "sort_order": {number}}}'.encode()
        check_refused(daemon, wire.ask("POST", "/environments", body), {400})


def test_an_unknown_field_is_an_error_with_a_pointer(wire, operations_with_body):
    for method, target, fields in operations_with_body:
        if not fields:
            continue
        reply = wire.ask(method, target, {"unknown_field": 1})
        check_discreet(reply)
        assert reply.status in {400, 429}, (method, target, reply, reply.text)
    reply = wire.ask("POST", "/apps", {"name": "a", "descriptoin": "b"})
    assert reply.json["errors"] == [{"pointer": "/descriptoin", "detail": "unknown field"}]


def test_an_invalid_parameter_error_lists_the_allowed_values(wire):
    for target, pointer in (
        ("/apps?name=a%20b", "?name"),
        ("/versions?commit=main", "?commit"),
        ("/environments?name=a%20b", "?name"),
    ):
        (error,) = wire.ask("GET", target).json["errors"]
        assert error["pointer"] == pointer
        assert "digits" in error["detail"], error
        assert "regex" not in error["detail"], error


def test_a_body_with_a_duplicate_field_is_rejected_without_effect(daemon, wire):
    first, last = unique_name(), unique_name()
    reply = wire.ask("POST", "/apps", f'{{"name": "{first}", "name": "{last}"}}'.encode())
    check_refused(daemon, reply, {400})
    assert reply.json["errors"][0]["pointer"] == "/name"
    assert [wire.ask("GET", f"/apps/{name}").status for name in (first, last)] == [404, 404]


# Addresses.

NO_IDS = [
    "0",
    "-1",
    "1.5",
    str(2**53),
    str(2**63),
    str(2**64),
    "9" * 4000,
    "1e3",
    "NaN",
    "%00",
    "1%00",
    "%20",
    "1%0a",
]
NO_IDS += [
    "%ff",
    "%ed%a0%80",
    "%d9%a1",
    "1;drop",
    "1'--",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%0d%0aX-Evil:%201",
]


@pytest.mark.parametrize("ref", NO_IDS, ids=lambda text: text[:24])
def test_an_invalid_id_is_not_found(daemon, wire, ref):
    for target in (
        f"/apps/{ref}",
        f"/apps/{ref}/versions",
        f"/apps/{ref}/versions/{ref}",
        f"/versions/{ref}",
        f"/versions/{ref}/lock",
        f"/deployments/{ref}",
        f"/deployments/{ref}/statuses",
        f"/environments/{ref}",
        f"/audits/{ref}",
        f"/users/{ref}",
    ):
        reply = wire.ask("GET", target)
        check_refused(daemon, reply, {400, 404})
        assert "x-evil" not in dict(reply.headers)


QUERIES = ["limit=0", "limit=-1", "limit=201", "limit=1.5", "limit=", "limit=a", "limit=1%00", "limit=NaN"]
QUERIES += [
    f"limit={2**63}",
    f"limit={2**64}",
    f"limit={'9' * 4000}",
    "limit=%d9%a1",
    "unknown=1",
    "sort=nothing",
]
QUERIES += [
    "sort=id;drop%20table%20app",
    "sort=--id",
    "sort=",
    "sort=rowid",
    "sort=%00",
    "cursor=",
    "cursor=garbage",
]
QUERIES += [
    f"cursor={'A' * 4000}",
    "cursor=%00",
    "cursor=%ff",
    "cursor=%f0%9f%92%a9",
    "%00=1",
    "=1",
    "limit[]=1",
]


def cursor(content):
    return "cursor=" + base64.urlsafe_b64encode(content).decode().rstrip("=")


CURSORS = [
    b"null",
    b"{}",
    b"[]",
    b"[1,2,3]",
    b'["-id",1]',
    b'["-id",1,1,1]',
    b'["name","a",1]',
]
CURSORS += [
    b'["-id",%d,1]' % 2**64,
    b'["-id",1,%d]' % 2**63,
    b'["-id",1e400,1]',
    b'["-id","\xff",1]',
    b"[" * 700,
]
CURSORS += [b'["-id","\\ud800",1]', b'["-id; DROP TABLE app",1,1]']


@pytest.mark.parametrize("query", [*QUERIES, *map(cursor, CURSORS)], ids=lambda text: text[:40])
def test_lists_reject_invalid_parameters(daemon, wire, query):
    for target in ("/apps", "/versions", "/deployments", "/environments", "/audits", "/apps/1/versions"):
        check_refused(daemon, wire.ask("GET", f"{target}?{query}"), {400, 404} if "/1/" in target else {400})


FILTERS = [
    "' OR ''='",
    "a'; DROP TABLE app; --",
    "%00",
    "a%0d%0ab",
    "%ff",
    "%ed%a0%80",
    "9" * 4000,
    str(2**64),
]


@pytest.mark.parametrize("value", FILTERS, ids=lambda text: text[:24])
@pytest.mark.parametrize(
    "target",
    [
        "/apps?name=",
        "/versions?app=",
        "/versions?app_id=",
        "/versions?tag=",
        "/versions?commit=",
        "/versions?lock_digest=",
        "/deployments?app=",
        "/deployments?app_id=",
        "/deployments?environment=",
        "/deployments?status=",
        "/deployments?version_id=",
        "/deployments?actor=",
        "/matrix?environment=",
        "/audits?actor=",
        "/audits?event_type=",
        "/audits?resource=",
        "/audits?source_service=",
        "/audits?from=",
        "/audits?to=",
        "/audit/events?limit=",
        "/tools/nodejs/usage?range=%3C20&environment=",
        "/tools/nodejs/usage?range=",
    ],
)
def test_a_filter_matches_only_its_value(daemon, wire, target, value):
    reply = wire.ask("GET", target + value.replace(" ", "%20").replace(";", "%3B"))
    check_discreet(reply)
    assert reply.status in {200, 400, 404}, (reply, reply.text)
    if reply.status == 200:
        result = reply.json
        assert result == [] or not any(
            result.get(name) for name in ("placements", "matches", "unknown", "without_lock")
        )
    check_lives(daemon)


def test_every_table_still_exists(wire):
    for target in ("/apps", "/versions", "/deployments", "/environments", "/audits", "/users", "/auth/keys"):
        assert wire.ask("GET", target).status == 200

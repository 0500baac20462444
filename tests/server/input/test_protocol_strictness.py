"""Requests that the framework would misread: trailers, encodings, notations of numbers and paths."""

from __future__ import annotations

import json

import pytest

from support.server.response_checks import check_refused, raw, send_raw, unique_name

JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


def chunked(body: bytes, *trailers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in trailers).encode()
    return f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n" + lines + b"\r\n"


def test_an_authorization_trailer_does_not_authenticate(daemon, admin):
    body = chunked(json.dumps({"name": unique_name()}).encode(), f"Authorization: Bearer {admin}")
    head = f"POST /apps HTTP/1.1\r\nHost: x\r\n{JSON}\r\n{CHUNKED}\r\n\r\n".encode()
    check_refused(daemon, send_raw(daemon, head + body), {401})


def test_an_if_match_trailer_sets_no_condition(daemon, admin, wire):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    request = raw(admin, f"PATCH /apps/{app['id']} HTTP/1.1", JSON, CHUNKED)
    reply = send_raw(daemon, request + chunked(b'{"description": "new"}', 'If-Match: "999"'))
    assert reply.status == 200


def test_a_forwarded_for_trailer_is_ignored(daemon):
    request = f"POST /apps HTTP/1.1\r\nHost: x\r\n{JSON}\r\n{CHUNKED}\r\n\r\n".encode()
    check_refused(daemon, send_raw(daemon, request + chunked(b"{}", "X-Forwarded-For: 203.0.113.9")), {401})
    assert "203.0.113.9" not in daemon.output


def test_endless_trailers_are_refused(daemon, admin):
    request = raw(admin, "POST /apps HTTP/1.1", JSON, CHUNKED)
    trailers = [f"X-Trailer-{number}: {'x' * 1000}" for number in range(100)]
    reply = send_raw(daemon, request + chunked(b'{"name": "x"}', *trailers))
    assert reply is None or reply.status in {400, 413, 431}


def test_http_1_1_without_host_is_refused(daemon, admin):
    request = f"GET /apps HTTP/1.1\r\nAuthorization: Bearer {admin}\r\n\r\n".encode()
    reply = send_raw(daemon, request)
    check_refused(daemon, reply, {400})
    assert reply.json["detail"] == "missing Host header"


def test_http_1_0_needs_no_host(daemon, admin):
    request = f"GET /apps HTTP/1.0\r\nAuthorization: Bearer {admin}\r\n\r\n".encode()
    assert send_raw(daemon, request).status == 200


@pytest.mark.parametrize("coding", ["br", "gzip", "identity, gzip", "none"])
def test_an_encoded_body_is_refused(daemon, admin, coding):
    body = json.dumps({"name": unique_name()}).encode()
    length = f"Content-Length: {len(body)}"
    request = raw(admin, "POST /apps HTTP/1.1", JSON, length, f"Content-Encoding: {coding}", body=body)
    check_refused(daemon, send_raw(daemon, request), {415})


def test_an_identity_encoding_is_accepted(daemon, admin):
    body = json.dumps({"name": unique_name()}).encode()
    length = f"Content-Length: {len(body)}"
    request = raw(admin, "POST /apps HTTP/1.1", JSON, length, "Content-Encoding: identity", body=body)
    assert send_raw(daemon, request).status == 201


@pytest.mark.parametrize("limit", ["1e2", "+1", "01", "1.0", "0x1", "1_0", "%201", "%D9%A1"])
@pytest.mark.parametrize("path", ["/apps", "/versions", "/deployments", "/audits", "/users", "/auth/keys"])
def test_a_number_in_another_notation_is_rejected(daemon, wire, path, limit):
    reply = wire.ask("GET", f"{path}?limit={limit}")
    check_refused(daemon, reply, {400})
    assert reply.json["errors"][0]["pointer"] == "?limit"


def test_a_header_number_in_another_notation_is_rejected(daemon, wire):
    check_refused(daemon, wire.ask("GET", "/audit/events", None, {"Last-Event-ID": "1e2"}), {400})


@pytest.mark.parametrize(
    "path",
    [
        "/apps/{id}/",
        "/apps/{id}//",
        "//apps/{id}",
        "/apps//{id}",
        "/apps/0{id}",
        "/apps/+{id}",
        "/apps/{id}.0",
    ],
)
def test_an_app_has_one_path(daemon, wire, path):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    check_refused(daemon, wire.ask("GET", path.format(id=app["id"])), {404})


@pytest.mark.parametrize(
    "path",
    [
        "/apps%2F{id}",
        "/apps%2f{id}",
        "/%2Fapps/{id}",
        "/apps/%2F{id}",
        "/apps/{id}%2F",
        "/apps/{id}%2Fversions",
        "/apps/{id}%2Fversions/v1",
        "/apps%2F{id}/versions/a%2Fb",
        "/apps/{id}%2Fversions%2Fa%2Fb",
        "/apps/{id}/versions%2Fv1",
        "/environments%2Fprod",
        "/users%2Fadmin",
        "/auth%2Fkeys",
        "/audit%2Fevents",
        "/tools%2Fnodejs/usage?range=1",
        "/tools/nodejs%2Fusage?range=1",
        "/tools/nodejs/usage%2F?range=1",
        "/tools/%2Fnodejs/usage?range=1",
        "/tools/npm:%40scope%2F%2Fname/usage?range=1",
        "/healthz%2F",
        "/docs%2F",
    ],
)
def test_an_encoded_slash_is_no_separator(daemon, wire, path):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    for tag in ("v1", "a/b"):
        assert wire.ask("PUT", f"/apps/{app['id']}/versions/{tag}", {}).status == 201
    wire.ask("PUT", "/environments/prod", {})
    check_refused(daemon, wire.ask("GET", path.format(id=app["id"])), {404})


def test_an_encoded_slash_is_no_separator_of_options(daemon, wire):
    check_refused(daemon, wire.ask("OPTIONS", "/apps%2F1"), {404})
    assert wire.ask("OPTIONS", "/apps/1/versions/a%2Fb").status == 204


@pytest.mark.parametrize(
    "segment",
    ["%2e", "%2e%2e", "%5C{id}", "{id}%00", "%c0%af{id}", "{id};v=1", "{id}%3Bv=1", "{id}%23", "%zz"],
)
def test_an_app_has_no_other_segment(daemon, wire, segment):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    check_refused(daemon, wire.ask("GET", f"/apps/{segment.format(id=app['id'])}"), {404})


@pytest.mark.parametrize("tool", ["npm:%40scope%2Fname", "npm:@scope/name", "%6Epm:@scope/name"])
def test_a_tool_takes_slashes(wire, tool):
    reply = wire.ask("GET", f"/tools/{tool}/usage?range=1")
    assert (reply.status, reply.json["tool"]) == (200, "npm:@scope/name")
    assert wire.ask("OPTIONS", f"/tools/{tool}/usage").status == 204


def test_a_tool_with_slashes_has_a_limit(daemon, wire):
    reply = wire.ask("GET", f"/tools/a/{'b' * 200}/usage?range=1")
    check_refused(daemon, reply, {400})
    assert reply.json["errors"][0]["pointer"] == "path:tool"


def test_a_fragment_is_refused(daemon, admin):
    check_refused(daemon, send_raw(daemon, raw(admin, "GET /apps#1 HTTP/1.1")), {400})


@pytest.mark.parametrize("reference", ["+{id}", "0{id}", "{id}.0", "{id}e0", "%20{id}"])
def test_a_version_has_one_id(daemon, wire, reference):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    version = wire.ask("POST", f"/apps/{app['id']}/versions", {"tag": "1"}).json
    check_refused(daemon, wire.ask("GET", f"/versions/{reference.format(id=version['id'])}"), {404})


@pytest.mark.parametrize("size", [100, 20_000, 500_000])
def test_duplicate_keys_are_refused_at_every_size(daemon, wire, size):
    body = b'{"name": "%b", "description": "a", "description": "b"%b}' % (unique_name().encode(), b" " * size)
    reply = wire.ask("POST", "/apps", body, {"Content-Type": "application/json"})
    check_refused(daemon, reply, {400})
    assert reply.json["errors"][0]["pointer"] == "/description"


def test_a_credential_in_a_request_id_is_not_recorded(daemon, admin, wire):
    secret = "evm_1_" + "s3cr3tS3cr3tS3cr3tS3cr3t"
    reply = send_raw(daemon, f"GET /apps HTTP/1.1\r\nHost: x\r\nX-Request-Id: {secret}\r\n\r\n".encode())
    assert reply.status == 401
    assert secret not in reply.header("x-request-id")
    created = wire.ask("POST", "/apps", {"name": unique_name()}, {"X-Request-Id": secret})
    assert created.status == 201
    assert secret not in daemon.output
    daemon.settle(admin)
    entries = wire.ask("GET", "/audits?limit=100").body
    assert secret.encode() not in entries


def test_a_credential_as_idempotency_key_is_refused(daemon, wire):
    reply = wire.ask("POST", "/apps", {"name": unique_name()}, {"Idempotency-Key": "evm_1_" + "s3cr3t" * 4})
    check_refused(daemon, reply, {400})
    assert "s3cr3t" not in reply.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/apps/{app}/versions/{secret}", {}),
        ("PUT", "/apps/{app}/versions/v1/{secret}", {}),
        ("PUT", "/apps/{app}/versions/%65vm{rest}", {}),
        ("PUT", "/environments/{secret}", {}),
        ("POST", "/apps/{secret}/versions", {"tag": "1"}),
        ("PATCH", "/environments/{secret}", {"tier": "other"}),
        ("POST", "/users", {"username": "{secret}", "password": "correct horse battery", "role": "viewer"}),
    ],
)
def test_a_credential_as_the_name_of_a_resource_is_refused(daemon, admin, wire, method, path, body):
    secret, app = f"evm_1_{'s3cr3t' * 4}", unique_name()
    assert wire.ask("POST", "/apps", {"name": app}).status == 201
    if "username" in body:
        body = {**body, "username": secret}
    reply = wire.ask(method, path.format(app=app, secret=secret, rest=secret.removeprefix("evm")), body)
    check_refused(daemon, reply, {400})
    daemon.settle(admin)
    assert b"s3cr3t" not in wire.ask("GET", "/audits?limit=100").body
    assert "s3cr3t" not in daemon.output


def test_a_credential_in_the_path_of_a_read_is_not_found(daemon, wire):
    check_refused(daemon, wire.ask("GET", f"/environments/evm_1_{'s3cr3t' * 4}"), {404})

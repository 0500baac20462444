"""Hostile and invalid headers: media types, keys, preconditions and injection."""

from __future__ import annotations

import gzip
import json

import pytest

from support.http.raw_client import Wire
from support.server.response_checks import check_discreet, check_refused, raw, send_raw, unique_name

JSON = "Content-Type: application/json"


# Media types.


@pytest.mark.parametrize(
    "media",
    [
        None,
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json;charset=nonsense",
        "application/merge-patch+json",
        "\xff",
        "a" * 5000,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_other_media_types_are_rejected(daemon, admin, media):
    body = json.dumps({"name": unique_name()}).encode()
    headers = [f"Content-Length: {len(body)}", *([] if media is None else [f"Content-Type: {media}"])]
    check_refused(daemon, send_raw(daemon, raw(admin, "POST /apps HTTP/1.1", *headers, body=body)), {415})


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_json_media_types_are_matched_in_any_notation(daemon, admin, media):
    body = json.dumps({"name": unique_name()}).encode()
    request = raw(
        admin, "POST /apps HTTP/1.1", f"Content-Type: {media}", f"Content-Length: {len(body)}", body=body
    )
    assert send_raw(daemon, request).status == 201


def test_compressed_bodies_are_not_decompressed(daemon, wire):
    body = gzip.compress(json.dumps({"name": unique_name(), "description": " " * 10_000_000}).encode())
    check_refused(daemon, wire.ask("POST", "/apps", body, {"Content-Encoding": "gzip"}), {400, 415})


# Injection.


@pytest.mark.parametrize(
    "value", ["a b", "a\tb", "é", "\x7f", "a" * 129, "<script>", "'; DROP TABLE app", "\u202e"]
)
def test_an_invalid_request_id_is_not_echoed(daemon, value):
    reply = send_raw(daemon, f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-ID: {value}\r\n\r\n".encode())
    assert reply.header("x-request-id") != value
    assert reply.status == 200 or value == "\x7f"


@pytest.mark.parametrize("key", ["", '""', "a b", "é", '"a"b"', "a" * 256, "\x7f", "a\tb"], ids=ascii)
def test_an_invalid_idempotency_key_is_rejected(daemon, admin, key):
    body = json.dumps({"name": unique_name()}).encode()
    request = raw(
        admin,
        "POST /apps HTTP/1.1",
        JSON,
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {key}",
        body=body,
    )
    check_refused(daemon, send_raw(daemon, request), {400})


@pytest.mark.parametrize(
    "tag", ['"0"', '"9999999999999999999"', 'W/"1"', "1", '"a"', '""', '"', "é", '"-1"'], ids=ascii
)
def test_an_unknown_etag_does_not_match(daemon, admin, wire, tag):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    reply = send_raw(daemon, raw(admin, f"DELETE /apps/{app['id']} HTTP/1.1", f"If-Match: {tag}"))
    check_refused(daemon, reply, {400, 412})
    assert wire.ask("GET", f"/apps/{app['id']}").status == 200


def test_line_breaks_are_not_echoed_in_headers(wire):
    for query in (
        "limit=1&sort=id%0d%0aX-Evil:1",
        "limit=1&name=a%0d%0aX-Evil:1",
        "limit=1&actor=a%0d%0aX-Evil:%201",
    ):
        for target in ("/apps", "/audits"):
            reply = wire.ask("GET", f"{target}?{query}")
            check_discreet(reply)
            assert "x-evil" not in dict(reply.headers)


def test_pipelined_requests_are_answered_in_order(daemon, admin):
    names = [unique_name() for _ in range(30)]
    bodies = [json.dumps({"name": name}).encode() for name in names]
    requests = [
        raw(admin, "POST /apps HTTP/1.1", JSON, f"Content-Length: {len(body)}", body=body) for body in bodies
    ]
    gets = [raw(admin, f"GET /apps/{name} HTTP/1.1") for name in names]
    with Wire(daemon.port) as wire:
        wire.send(b"".join(requests + gets))
        replies = [wire.reply() for _ in names]
        assert [reply.status for reply in replies] == [201] * len(names)
        assert [wire.reply().json["name"] for _ in names] == names


def test_every_response_has_security_headers(wire):
    for method, target in (("GET", "/apps"), ("GET", "/nowhere"), ("GET", "/healthz"), ("TRACE", "/apps")):
        reply = wire.ask(method, target)
        assert reply.header("alm-api") == "1"
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("cache-control")
        assert reply.header("content-security-policy")
        assert reply.header("server") is None

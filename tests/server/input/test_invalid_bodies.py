"""Bodies that are too large, too deep, or undecodable: rejected without reading much of them."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from envmgr.server.kit.http.server import MAX_DISCARDED_BYTES
from support.http.raw_client import ConnectionClosed
from support.server.concurrent_writers import lock
from support.server.response_checks import check_discreet, check_lives, check_refused, unique_name

MEGABYTE = 1_000_000
DEPTH = 100_000
HUGE = 100 * 2**20
PIECE = b"x" * (1 << 16)
TAKEN = 2**20
"""Bytes that buffers may hold beyond those that the server reads."""
ARRAYS = b"[" * DEPTH + b"]" * DEPTH
OBJECTS = b'{"a":' * DEPTH + b"1" + b"}" * DEPTH
NEVER_CLOSED = b"[" * DEPTH


# Bodies that are too large.


def pour(wire, head, pieces):
    """Send a head and pieces of a body until the server reads no more; return the number of bytes read."""
    wire.send(head)
    sent_bytes = 0
    with suppress(ConnectionClosed, TimeoutError):
        for piece in pieces:
            wire.send(piece)
            sent_bytes += len(piece)
    return sent_bytes


def head_of(token, target, *headers, method="POST"):
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("target", ["/apps", "/apps/x/versions", "/auth/login", "/nowhere"])
@pytest.mark.parametrize("with_token", [True, False])
def test_a_body_declared_too_large_is_discarded_without_being_read(daemon, admin, target, with_token):
    before, resident = daemon.received, daemon.resident
    with daemon.wire() as wire:
        head = head_of(admin if with_token else "", target, f"Content-Length: {HUGE}")
        pour(wire, head, (PIECE for _ in range(HUGE // len(PIECE))))
        with suppress(
            ConnectionClosed
        ):  # the answer may be lost with the connection that was still being written to
            check_refused(daemon, wire.reply(), {413})
    assert daemon.received - before < MAX_DISCARDED_BYTES + TAKEN
    assert daemon.resident - resident < MAX_DISCARDED_BYTES / 2


@pytest.mark.parametrize("target", ["/apps", "/apps/x/versions", "/auth/login"])
def test_an_oversized_body_with_expect_continue_is_rejected(daemon, admin, target):
    with daemon.wire() as wire:
        wire.send(head_of(admin, target, f"Content-Length: {HUGE}", "Expect: 100-continue"))
        check_refused(daemon, wire.reply(), {413})


@pytest.mark.parametrize(
    ("target", "limit"), [("/apps", 2**20), ("/auth/login", 2**20), ("/apps/x/versions", 7 * 2**20)]
)
def test_a_body_of_unknown_length_is_read_up_to_the_limit(daemon, admin, target, limit):
    before, resident = daemon.received, daemon.resident
    chunk = f"{len(PIECE):x}\r\n".encode() + PIECE + b"\r\n"
    with daemon.wire() as wire:
        head = head_of(admin, target, "Transfer-Encoding: chunked")
        pour(wire, head, (chunk for _ in range(HUGE // len(PIECE))))
        with suppress(ConnectionClosed):
            check_refused(daemon, wire.reply(), {413})
    assert daemon.received - before < limit + MAX_DISCARDED_BYTES + 2 * TAKEN
    assert daemon.resident - resident < 64 * 2**20
    check_lives(daemon)


def test_a_lock_of_maximum_size_causes_no_internal_error(wire):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    document = json.loads(lock())
    artifact = document["tools"]["nodejs"]["20.11.0"]["artifacts"]["linux-x64"]
    artifact["url"] += "?" + "x" * (5 * 2**20 - len(json.dumps(document)) - 10)
    body = {"toolchain": {"lock": json.dumps(document)}}
    assert len(body["toolchain"]["lock"]) <= 5 * 2**20
    reply = wire.ask("PUT", f"/apps/{app['id']}/versions/1.0.0", body)
    assert reply.status in {201, 422}, reply.text
    check_discreet(reply)


# Bodies that cannot be read.


def test_a_body_of_any_depth_is_rejected(daemon, admin, operations_with_body):
    assert len(operations_with_body) > 15
    for method, target, fields in operations_with_body:
        for deep in (ARRAYS, OBJECTS, NEVER_CLOSED):
            bodies = [deep, b'{"unknown": ' + deep + b"}"]
            bodies += [
                json.dumps({name: 0}).replace("0", "@").encode().replace(b"@", deep) for name in fields
            ]
            for body in bodies:
                with daemon.wire(admin) as wire:
                    reply = wire.ask(method, target, body)
                check_discreet(reply)
                assert reply.status in {400, 422, 429}, (method, target, body[:40], reply, reply.text)
    check_lives(daemon)


@pytest.mark.parametrize("deep", [ARRAYS, OBJECTS, NEVER_CLOSED])
@pytest.mark.parametrize(
    "form", ["@", '{"lockfile": @}', '{"lockfile": 1, "resolved": @}', '{"lockfile": 1, "tools": {"a": @}}']
)
def test_a_lock_of_any_depth_is_rejected(daemon, wire, deep, form):
    app = wire.ask("POST", "/apps", {"name": unique_name()}).json
    body = {"toolchain": {"lock": form.replace("@", deep.decode())}}
    check_refused(daemon, wire.ask("PUT", f"/apps/{app['id']}/versions/1", body), {400, 422})


UNREADABLE = {
    "nothing": b"",
    "half": b'{"name": "a',
    "two documents": b'{"name": "a"} {"name": "b"}',
    "a trailing comma": b'{"name": "a",}',
    "single quotes": b"{'name': 'a'}",
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "an overlong NUL": b'{"name": "\xc0\x80"}',
    "a surrogate's bytes": b'{"description": "\xed\xa0\x80", "name": "a"}',
    "beyond Unicode": b'{"description": "\xf4\x90\x80\x80", "name": "a"}',
    "a raw NUL": b'{"name": "a\x00b"}',
    "a raw line feed": b'{"name": "a\nb"}',
    "only NULs": b"\0" * 1000,
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": -Infinity}',
    "null": b"null",
    "an array": b"[]",
    "a text": b'"app"',
    "a number": b"1",
    "a number too large for any": b"1e999999999",
    "a number of a million digits": b"9" * MEGABYTE,
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_undecodable_body_is_rejected(daemon, wire, name):
    check_refused(daemon, wire.ask("POST", "/apps", UNREADABLE[name]), {400})


KEY = "evm_1_" + "s3cr3tS3cr3tS3cr3tS3cr3t"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "credential", [KEY, KEY.replace("evm", "evr"), JWT], ids=["key", "refresh token", "token"]
)
@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/apps", {"name": "x", "description": "see {}"}),
        ("PATCH", "/apps/{app}", {"description": "{}"}),
        ("PUT", "/apps/{app}/versions/1", {"changelog": "curl -H {}"}),
        ("PUT", "/apps/{app}/versions/1", {"build": {"url": "https://ci/?token={}"}}),
        ("POST", "/deployments/{deployment}/statuses", {"status": "failed", "reason": "{}"}),
        ("POST", "/auth/keys", {"name": "{}", "scopes": ["apps:read"]}),
    ],
    ids=["app", "changed app", "changelog", "build", "reason", "key name"],
)
def test_a_credential_in_a_body_is_refused_and_not_kept(daemon, wire, method, target, body, credential):
    app = wire.ask("POST", "/apps", {"name": unique_name(), "version": "0"}).json
    version = wire.ask("GET", f"/apps/{app['id']}/versions").json[0]
    deployment = wire.ask(
        "POST", "/deployments", {"version_id": version["id"], "environment": unique_name()}
    ).json
    text = json.dumps(body).replace("{}", credential)
    reply = wire.ask(method, target.format(app=app["id"], deployment=deployment["id"]), json.loads(text))
    check_refused(daemon, reply, {400})
    assert "contains an API key or a token" in reply.json["detail"]
    assert credential not in reply.text
    assert credential not in daemon.output
    assert credential not in wire.ask("GET", "/audits?limit=200").text


def test_what_only_begins_like_a_credential_is_kept(wire):
    text = "rename evm_config to evr_config, decode eyJ by hand, sha512-abc/eyJhbGciOiJIUzI1NiJ9+x=="
    reply = wire.ask("POST", "/apps", {"name": unique_name(), "description": text})
    assert (reply.status, reply.json["description"]) == (201, text)

"""Malformed requests: framing, heads, methods and paths; each is rejected, and none is smuggled."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from support.http.raw_client import ConnectionClosed, Wire
from support.server.response_checks import (
    check_discreet,
    check_lives,
    check_refused,
    raw,
    send_raw,
    unique_name,
)

MEGABYTE = 1_000_000
SMUGGLED = b"GET /apps/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


# Framing.

JSON = "Content-Type: application/json"
BODY = b'{"name": "a b"}'
FRAMING = {
    "a length that is not a number": ["Content-Length: abc"],
    "a negative length": ["Content-Length: -1"],
    "a length with a sign": ["Content-Length: +15"],
    "a length in hexadecimal": ["Content-Length: 0xf"],
    "a length with a point": ["Content-Length: 15.0"],
    "two lengths": ["Content-Length: 15", "Content-Length: 16"],
    "a list of lengths": ["Content-Length: 15, 16"],
    "a length of more than 64 bits": [f"Content-Length: {2**64 + 15}"],
    "a length of many digits": [f"Content-Length: {'9' * 5000}"],
    "a length and chunks": ["Content-Length: 15", "Transfer-Encoding: chunked"],
    "chunks and a length": ["Transfer-Encoding: chunked", "Content-Length: 15"],
    "an unknown coding": ["Transfer-Encoding: gzip", "Content-Length: 15"],
    "chunks not last": ["Transfer-Encoding: chunked, identity"],
    "a hidden coding": ["Transfer-Encoding : chunked", "Content-Length: 15"],
    "a coding with a tab": ["Transfer-Encoding:\x0bchunked", "Content-Length: 15"],
    "a NUL in a header": ["X-Header: a\0b", "Content-Length: 15"],
    "a bare carriage return": ["X-Header: a\rb: c", "Content-Length: 15"],
    "a blank in a header's name": ["X Header: a", "Content-Length: 15"],
    "a header without a name": [": a", "Content-Length: 15"],
    "a header without a colon": ["header", "Content-Length: 15"],
}


@pytest.mark.parametrize("name", FRAMING)
def test_ambiguous_framing_is_rejected(daemon, admin, name):
    request = raw(admin, "POST /apps HTTP/1.1", JSON, *FRAMING[name], body=BODY + SMUGGLED)
    with Wire(daemon.port) as wire:
        wire.send(request)
        first = wire.reply()
        check_refused(daemon, first, {400, 413})
        with pytest.raises(ConnectionClosed):
            wire.reply()


CHUNKS = {
    "no size": b"\r\n",
    "an invalid size": b"zz\r\nab\r\n0\r\n\r\n",
    "a negative size": b"-1\r\nab\r\n0\r\n\r\n",
    "a size of more than 64 bits": b"10000000000000001\r\na\r\n0\r\n\r\n",
    "too much in a chunk": b"1\r\nabc\r\n0\r\n\r\n",
    "a size with a blank": b"1 1\r\na\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_invalid_chunks_close_the_connection(daemon, admin, name):
    head = raw(admin, "POST /apps HTTP/1.1", JSON, "Transfer-Encoding: chunked")
    with Wire(daemon.port) as wire:
        wire.send(head + CHUNKS[name] + SMUGGLED)
        with suppress(ConnectionClosed):
            check_refused(daemon, wire.reply(), {400})
        with pytest.raises(ConnectionClosed):
            wire.reply()
    check_lives(daemon)


def test_a_chunk_with_an_endless_extension_is_not_buffered(daemon, admin):
    head = raw(admin, "POST /apps HTTP/1.1", JSON, "Transfer-Encoding: chunked")
    resident = daemon.resident
    with Wire(daemon.port) as wire:
        wire.send(head + b"1;")
        for _ in range(200):
            try:
                wire.send(b"a" * (1 << 16))
            except ConnectionClosed:
                break
    check_lives(daemon)
    assert daemon.resident - resident < 32 * 2**20


@pytest.mark.parametrize("rejection", ["/apps", "/nowhere", "/auth/login"])
def test_bytes_after_a_rejected_body_are_not_a_request(daemon, admin, rejection):
    request = raw(admin, f"POST {rejection} HTTP/1.1", JSON, f"Content-Length: {100 * 2**20}", body=SMUGGLED)
    with Wire(daemon.port) as wire:
        wire.send(request)
        check_refused(daemon, wire.reply(), {413})
        with pytest.raises(ConnectionClosed):
            wire.reply()


def test_an_unread_body_is_not_a_request(daemon):
    """Without a token the body is not read; the next request starts after it."""
    with Wire(daemon.port) as wire:
        length = len(SMUGGLED)
        wire.send(
            f"POST /apps HTTP/1.1\r\nHost: x\r\n{JSON}\r\nContent-Length: {length}\r\n\r\n".encode()
            + SMUGGLED
        )
        check_refused(daemon, wire.reply(), {401})
        try:
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            reply = wire.reply()
        except ConnectionClosed:
            return
        assert reply.status == 200


def test_a_body_shorter_than_its_length_is_rejected(daemon, admin):
    name = unique_name()
    body = json.dumps({"name": name}).encode()
    with Wire(daemon.port) as wire:
        wire.send(raw(admin, "POST /apps HTTP/1.1", JSON, f"Content-Length: {len(body) + 10}", body=body))
        wire.socket.shutdown(1)
        with suppress(ConnectionClosed):
            check_refused(daemon, wire.reply(), {400})
    with daemon.wire(admin) as wire:
        assert wire.ask("GET", f"/apps/{name}").status == 404


# Heads.


@pytest.mark.parametrize(
    ("first", "headers", "status"),
    [
        (f"GET /{'a' * MEGABYTE} HTTP/1.1", [], 414),
        (f"GET /apps?name={'a' * MEGABYTE} HTTP/1.1", [], 414),
        ("GET /apps HTTP/1.1", ["X-Header: " + "a" * MEGABYTE], 431),
        ("GET /apps HTTP/1.1", [f"X-{'a' * MEGABYTE}: a"], 431),
        ("GET /apps HTTP/1.1", [f"X-{number}: a" for number in range(10_000)], 431),
        ("GET /apps HTTP/1.1", ["Authorization: Bearer " + "a" * MEGABYTE], 431),
        ("GET /apps HTTP/1.1", ['If-None-Match: "' + "1" * MEGABYTE + '"'], 431),
        ("GET /apps HTTP/1.1", ["Cookie: " + "a=b; " * 200_000], 431),
        ("POST /apps HTTP/1.1", ["Idempotency-Key: " + "a" * MEGABYTE], 431),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_size_of_the_head_is_limited(daemon, admin, first, headers, status):
    reply = send_raw(daemon, raw(admin, first, *headers))
    if reply is not None:  # the answer may be lost with the connection that was still being written to
        check_refused(daemon, reply, {status})
    check_lives(daemon)


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /healthz HTTP/9.9",
        "GET /healthz FTP/1.1",
        "GET /heal thz HTTP/1.1",
        "GET healthz HTTP/1.1",
        "GÉT /healthz HTTP/1.1",
        "G\0T /healthz HTTP/1.1",
        "get /healthz HTTP/1.1",
        "A" * 10_000 + " /healthz HTTP/1.1",
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "{}",
        "\0" * 100,
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_an_invalid_request_is_rejected(daemon, request_line):
    reply = send_raw(daemon, f"{request_line}\r\nHost: x\r\n\r\n".encode())
    if reply is not None:
        check_refused(daemon, reply, {400, 404, 405, 414, 431, 505})
    check_lives(daemon)


@pytest.mark.parametrize("request_line", ["GET /healthz", "GET  /healthz HTTP/1.1", "GET /healthz HTTP/2.0"])
def test_a_malformed_request_is_the_last_on_its_connection(daemon, request_line):
    """A proxy that parses it otherwise must not receive the next client's response."""
    with Wire(daemon.port) as wire:
        wire.send(f"{request_line}\r\n\r\n".encode())
        assert wire.reply().status in {200, 400, 505}
        if request_line.startswith("GET /"):
            assert wire.read_remaining() == b""
    check_lives(daemon)


@pytest.mark.parametrize(
    "host", [[], ["Host: a", "Host: b"], ["Host: a b"], ["Host: \x7f"], ["Host: evil.example"]]
)
def test_the_host_header_is_not_reflected(daemon, host):
    lines = ["GET /healthz HTTP/1.1", *host, "", ""]
    reply = send_raw(daemon, "\r\n".join(lines).encode())
    check_discreet(reply)
    assert reply.status in {200, 400}
    assert b"evil" not in reply.body


def test_an_http_1_0_client_is_answered_and_disconnected(daemon):
    with Wire(daemon.port) as wire:
        wire.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert wire.reply().status == 200
        assert wire.read_remaining() == b""


def test_an_absolute_url_is_reduced_to_its_path(daemon, admin):
    for target, statuses in (
        ("http://evil.example/healthz", {200, 400, 404}),
        ("http://x/apps/1", {200, 400, 404}),
    ):
        reply = send_raw(daemon, raw(admin, f"GET {target} HTTP/1.1"))
        check_discreet(reply)
        assert reply.status in statuses
        assert b"evil.example" not in b"".join(value.encode() for _, value in reply.headers)


def test_other_notations_of_a_path_do_not_bypass_authentication(daemon):
    """Access depends on the route that is served, not on the notation of its path."""
    for target in (
        "http://x/apps",
        "/healthz/../apps",
        "/docs/../apps",
        "/docs/%2e%2e/apps",
        "//apps",
        "/apps/",
        "/apps;/healthz",
        "/apps?/healthz",
        "/apps%3f/healthz",
        "/healthz%2f..%2fapps",
        "/APPS",
        "/docs/../users",
        "/docs//../../users",
    ):
        reply = send_raw(daemon, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        check_discreet(reply)
        assert reply.status in {400, 401, 404}, (target, reply, reply.text)


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/docs/../../../../etc/passwd",
        "/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/..%5c..%5cetc%5cpasswd",
        "/docs/%00",
        "/docs//etc/passwd",
        "/docs/....//....//etc/passwd",
        "/openapi.json/../../etc/passwd",
        "/.git/config",
        "/jwt.secret",
        "/docs/jwt.secret",
        "/%c0%ae%c0%ae/etc/passwd",
        "/%ff",
        "/%",
        "/%zz",
        "/\xff",
        "/%0d%0aSet-Cookie:%20a=b",
    ],
)
def test_path_traversal_reads_no_files(daemon, admin, path):
    reply = send_raw(daemon, raw(admin, f"GET {path} HTTP/1.1"))
    check_discreet(reply)
    assert reply.status in {400, 404, 405}, (reply, reply.text)
    assert b"root:" not in reply.body
    assert "set-cookie" not in dict(reply.headers)
    check_lives(daemon)


# Methods.


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "LOCK", "PURGE", "SEARCH", "POST", "DELETE"])
def test_an_unsupported_method_is_rejected(daemon, wire, method):
    reply = wire.ask(method, "/matrix", headers={"Content-Length": "0"})
    check_refused(daemon, reply, {405})
    assert "GET" in reply.header("allow").split(", ")


@pytest.mark.parametrize("target", ["x:80", "127.0.0.1:22", "/apps", "evil.example:443"])
def test_the_server_does_not_act_as_a_proxy(daemon, admin, target):
    reply = send_raw(daemon, raw(admin, f"CONNECT {target} HTTP/1.1"))
    if reply is not None:
        check_refused(daemon, reply, {400, 404, 405})
    check_lives(daemon)


@pytest.mark.parametrize("target", ["*", "/apps", "/apps/1", "/nowhere"])
def test_options_lists_the_methods_and_allows_no_origin(daemon, admin, target):
    reply = send_raw(
        daemon,
        raw(
            admin,
            f"OPTIONS {target} HTTP/1.1",
            "Origin: http://evil.example",
            "Access-Control-Request-Method: DELETE",
        ),
    )
    check_discreet(reply)
    assert reply.status in {200, 204, 400, 404, 405}
    assert not any(name.startswith("access-control-") for name, _ in reply.headers)


@pytest.mark.parametrize("target", ["/healthz", "/apps", "/apps/nowhere", "/matrix", "/openapi.json"])
def test_head_is_get_without_the_body(wire, target):
    full, head = wire.ask("GET", target), wire.ask("HEAD", target)
    assert head.status in {full.status, 405}
    assert head.body == b""
    assert wire.ask("GET", "/healthz").status == 200  # nothing was left on the connection


def test_upgrades_are_ignored(daemon, admin):
    for protocol in ("websocket", "h2c"):
        headers = ["Connection: Upgrade", f"Upgrade: {protocol}", "Sec-WebSocket-Version: 13"]
        headers += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        reply = send_raw(daemon, raw(admin, "GET /healthz HTTP/1.1", *headers))
        check_discreet(reply)
        assert reply.status in {200, 400, 426}
    check_lives(daemon)

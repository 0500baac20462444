"""HTTP over a socket, with small limits."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager, suppress
from http.client import HTTPConnection

import pytest
import uvicorn

from envmgr.server.kit.http.server import (
    MAX_HEAD_BYTES,
    MAX_URL_BYTES,
    AddressError,
    ConnectionLimits,
    bind,
    create_server,
    loop_factory,
)
from support.services.event_recorders import wait_until

pytestmark = pytest.mark.timeout(60)
FOREVER = 3600
ASK = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


class Application:
    """Responds with the path when it is released."""

    def __init__(self):
        self.go = asyncio.Event()
        self.go.set()
        self.inside = 0
        self.stopping = False
        self.bodies = []

    async def __call__(self, scope, receive, send):
        self.inside += 1
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        await self.go.wait()
        content = scope["path"].encode()
        headers = [(b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        self.inside -= 1


@asynccontextmanager
async def serving(served=None, notice_seconds=0.0, **limits):
    """Serve an application inside of `with`."""
    application, started = Application(), asyncio.Event()
    listener = bind("127.0.0.1", 0)

    def note_shutdown():
        application.stopping = True

    limits = ConnectionLimits(**limits)
    server = create_server(served or application, limits, started.set, note_shutdown, notice_seconds)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await started.wait()
    application.port = listener.getsockname()[1] if listener.fileno() >= 0 else 0
    application.server = server
    try:
        yield application
    finally:
        application.go.set()
        server.should_exit = True
        if notice_seconds:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await uvicorn.Server.shutdown(server, [listener])
        else:
            await task


@asynccontextmanager
async def connected(application):
    reader, writer = await asyncio.open_connection("127.0.0.1", application.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def read_response(reader):
    """Read one response: its status, headers and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def ask(application, request=ASK):
    """Send bytes on a new connection and return the response, after which the connection must end."""
    async with connected(application) as (reader, writer):
        with suppress(OSError):
            writer.write(request)
            await writer.drain()
        response = await read_response(reader)
        if response[0] != 200:
            assert await reader.read() == b""
        return response


def run(work):
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(asyncio.wait_for(work(), 30))


def test_requests_on_one_connection_are_handled_in_order():
    async def work():
        async with serving() as application, connected(application) as (reader, writer):
            for _ in range(3):
                writer.write(ASK)
                assert (await read_response(reader))[2] == b"/x"
            writer.write(ASK + ASK)
            assert [(await read_response(reader))[0] for _ in range(2)] == [200, 200]

    run(work)


def test_responses_do_not_name_the_software():
    async def work():
        async with serving() as application:
            _, headers, _ = await ask(application)
            assert "server" not in headers

    run(work)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * MAX_URL_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + b"a" * 10**6, 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10**6, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * MAX_HEAD_BYTES + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"a" * 10**6, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
    ids=[
        "url",
        "endless-url",
        "header",
        "endless-header",
        "headers",
        "endless-name",
        "tls",
        "nonsense",
        "lengths",
        "connect",
    ],
)
def test_an_invalid_request_is_a_problem_and_closes_the_connection(request_, status):
    async def work():
        async with serving() as application:
            result, headers, body = await ask(application, request_)
            assert result == status
            assert headers["content-type"] == "application/problem+json"
            assert headers["connection"] == "close"
            assert headers["alm-api"] == "1"
            assert json.loads(body)["status"] == status
            assert (await ask(application))[0] == 200

    run(work)


class Refusing:
    """Responds without reading the body, as the middleware may."""

    async def __call__(self, scope, receive, send):
        headers = [(b"content-length", b"2"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"no"})


@pytest.mark.parametrize("mib", [2, 6, 8])
def test_an_early_rejection_reaches_a_client_that_sends_its_whole_body(mib):
    body = bytes(mib * 2**20)

    def post(port):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/versions", body)
            return connection.getresponse().read()
        finally:
            connection.close()

    async def work():
        async with serving(Refusing()) as application:
            for _ in range(10):
                assert await asyncio.to_thread(post, application.port) == b"no"

    run(work)


def test_a_head_within_the_limits_is_accepted():
    async def work():
        async with serving() as application:
            url = b"/" + b"a" * (MAX_URL_BYTES - 1)
            request = b"GET " + url + b" HTTP/1.1\r\nX: " + b"a" * (MAX_HEAD_BYTES - 20) + b"\r\n\r\n"
            assert (await ask(application, request))[::2] == (200, url)

    run(work)


def test_a_slow_head_times_out():
    async def work():
        async with (
            serving(head_timeout_seconds=0.3) as application,
            connected(application) as (reader, writer),
        ):

            async def trickle():
                for byte in ASK[:-1]:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.05)

            trickling = asyncio.create_task(trickle())
            status, _, _ = await read_response(reader)
            assert status == 408
            assert await reader.read() == b""
            trickling.cancel()

    run(work)


@pytest.mark.parametrize("bytes_sent", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_a_silent_connection_is_closed_without_a_response(bytes_sent):
    async def work():
        async with (
            serving(head_timeout_seconds=0.2) as application,
            connected(application) as (reader, writer),
        ):
            writer.write(bytes_sent)
            assert await reader.read() == b""

    run(work)


def test_an_idle_connection_outlasts_the_timeout_of_a_head():
    async def work():
        async with (
            serving(keep_alive=60, head_timeout_seconds=0.2) as item,
            connected(item) as (reader, writer),
        ):
            for pause in (0, 0.5):
                await asyncio.sleep(pause)
                writer.write(ASK)
                assert (await read_response(reader))[0] == 200

    run(work)


def test_an_idle_connection_is_closed_after_a_timeout():
    async def work():
        async with (
            serving(keep_alive=1, head_timeout_seconds=60) as item,
            connected(item) as (reader, writer),
        ):
            writer.write(ASK)
            assert (await read_response(reader))[0] == 200
            assert await reader.read() == b""

    run(work)


def test_blank_lines_do_not_extend_the_idle_timeout():
    async def work():
        async with (
            serving(keep_alive=60, head_timeout_seconds=0.2) as item,
            connected(item) as (reader, writer),
        ):
            writer.write(ASK)
            assert (await read_response(reader))[0] == 200
            writer.write(b"\r\n")
            assert await reader.read() == b""

    run(work)


def test_a_long_response_does_not_count_as_a_slow_head():
    async def work():
        async with (
            serving(head_timeout_seconds=0.1) as application,
            connected(application) as (reader, writer),
        ):
            application.go.clear()
            writer.write(ASK)
            await asyncio.sleep(0.4)
            application.go.set()
            assert (await read_response(reader))[0] == 200

    run(work)


def test_a_connection_over_the_limit_replaces_the_longest_idle_one():
    async def work():
        async with (
            serving(connections=2) as application,
            connected(application) as (first, first_writer),
            connected(application) as (second, writer),
        ):
            for reader, item in ((first, first_writer), (second, writer)):
                item.write(ASK)
                await read_response(reader)
                await asyncio.sleep(0.05)
            assert (await ask(application))[0] == 200
            assert await first.read() == b""
            writer.write(ASK)
            assert (await read_response(second))[0] == 200

    run(work)


def test_a_connection_over_the_limit_gets_retry_after():
    async def work():
        async with serving(connections=1) as application, connected(application) as (reader, writer):
            application.go.clear()
            writer.write(ASK)
            await wait_until(lambda: application.inside)
            async with connected(application) as (other, _):
                status, headers, _ = await read_response(other)
                assert (status, headers["retry-after"]) == (503, "1")
            application.go.set()
            assert (await read_response(reader))[0] == 200

    run(work)


def test_an_upgrade_request_is_answered_and_closes_the_connection():
    async def work():
        async with serving() as application, connected(application) as (reader, writer):
            writer.write(
                b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nmore"
            )
            assert (await read_response(reader))[0] == 200
            assert await reader.read() == b""

    run(work)


def test_shutdown_finishes_running_requests_and_closes_idle_connections():
    async def work():
        async with (
            serving() as application,
            connected(application) as (idle, _),
            connected(application) as (reader, writer),
        ):
            application.go.clear()
            writer.write(ASK)
            await wait_until(lambda: application.inside)
            application.server.should_exit = True
            assert await idle.read() == b""
            application.go.set()
            status, headers, _ = await read_response(reader)
            assert (status, headers["connection"]) == (200, "close")

    run(work)


def test_a_server_with_replicas_closes_each_connection_after_one_more_response():
    async def work():
        async with (
            serving(notice_seconds=FOREVER) as application,
            connected(application) as (idle_reader, idle_writer),
            connected(application) as (busy_reader, busy_writer),
        ):
            application.go.clear()
            busy_writer.write(ASK)
            await wait_until(lambda: application.inside)
            application.server.should_exit = True
            await wait_until(lambda: application.stopping)
            application.go.set()
            idle_writer.write(ASK)
            for reader in (busy_reader, idle_reader):
                status, headers, _ = await read_response(reader)
                assert (status, headers["connection"]) == (200, "close")
                assert await reader.read() == b""
            # Connections are still accepted.
            assert (await ask(application))[1]["connection"] == "close"

    run(work)


def test_an_unavailable_address_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(AddressError, match=rf"127\.0\.0\.1:{port}"):
            bind("127.0.0.1", port)
    with pytest.raises(AddressError, match=r"127\.0\.0\.999"):
        bind("127.0.0.999", 0)

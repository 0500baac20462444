"""The contract of transports, which both keep: connections, framing of responses, and errors."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import sys
import time

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConnectTimedOut, IncompleteDownload, NetworkError, Unreachable
from envmgr.kit.http import tls
from envmgr.kit.http.client import HttpRequest
from envmgr.kit.http.httpx_transport import HttpxTransport
from envmgr.kit.http.network_errors import RequestAttempt
from envmgr.kit.http.standard_transport import StandardTransport, can_send
from support.closed_ports import refusing_port
from support.http.raw_server import RawServer
from support.http.scripted_server import Scripted, ScriptedResponse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def standard(trusting=None):
    return StandardTransport(lambda: trusting)


def pooled(trusting=None):
    return HttpxTransport(None, trusting)


@pytest.fixture(params=[standard, pooled], ids=["standard library", "httpx"])
def create_transport(request):
    """Return a function that creates a transport, closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda trusting=None: stack.enter_context(contextlib.closing(request.param(trusting)))


@pytest.fixture
def transport(create_transport):
    return create_transport()


def fetch(transport, url, *, method="GET", headers=None, body=None, timeout=5.0, decoded=True):
    """Return the status, headers and body of a response that is read to its end."""
    request = HttpRequest(method, url, {"accept": "*/*", **(headers or {})}, body)
    with contextlib.closing(transport.send(request, RequestAttempt(url, timeout))) as response:
        return response.status, response.headers, b"".join(response.blocks(decoded=decoded))


def test_a_request_has_its_method_path_headers_and_body(transport):
    with RawServer([OK]) as server:
        fetch(transport, f"{server.url}/a%20b?c=%2F&d", method="PUT", headers={"x-mine": "yes"}, body=b"{}")
    line, *headers = server.requests[0].partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert line == "put /a%20b?c=%2f&d http/1.1"
    expected = {f"host: {server.url[7:]}", "x-mine: yes", "content-length: 2", "accept: */*"}
    assert expected <= set(headers)
    assert len({header.partition(":")[0] for header in headers}) == len(headers)


@pytest.mark.parametrize(
    ("method", "length"), [("POST", "content-length: 0"), ("GET", None), ("DELETE", None)]
)
def test_only_methods_with_a_body_announce_an_empty_one(transport, method, length):
    with RawServer([OK]) as server:
        fetch(transport, server.url, method=method)
    assert (length is None) == (b"content-length" not in server.requests[0].lower())


def test_a_connection_is_used_again_after_the_end_of_a_response(transport):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with RawServer([OK, chunked, b"HTTP/1.1 204 No Content\r\n\r\n", OK]) as server:
        responses = [fetch(transport, server.url)[::2] for _ in range(4)]
        assert server.connection_count == 1
    assert responses == [(200, b"hello"), (200, b"hello"), (204, b""), (200, b"hello")]


def test_a_connection_whose_response_was_not_read_is_not_used_again(transport):
    with RawServer([OK, OK]) as server:
        transport.send(HttpRequest("GET", server.url), RequestAttempt(server.url, 5.0)).close()
        assert fetch(transport, server.url)[2] == b"hello"
        assert server.connection_count == 2


def test_a_connection_is_closed_whose_response_ends_after_the_transport_was_closed():
    """A thread that waits for a server is left to itself when its command ends."""
    transport = standard()
    with RawServer([OK, OK]) as server:
        response = transport.send(HttpRequest("GET", server.url), RequestAttempt(server.url, 60))
        transport.close()
        with contextlib.closing(response):
            assert b"".join(response.blocks(decoded=False)) == b"hello"
        assert server.closings.acquire(timeout=10)


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        OK,
    ],
    ids=["announced, with length", "announced", "HTTP/1.0", "not announced"],
)
def test_a_new_connection_replaces_one_that_the_server_closes(transport, response):
    with RawServer([response, None, OK]) as server:
        assert fetch(transport, server.url)[2] == b"hello"
        assert server.closings.acquire(timeout=10)
        assert fetch(transport, server.url)[2] == b"hello"
        assert server.connection_count == 2


@pytest.mark.parametrize(("seconds", "count"), [(4, 1), (6, 2)])
def test_a_connection_that_was_idle_for_5_seconds_is_not_used_again(transport, monkeypatch, seconds, count):
    with RawServer([OK, OK]) as server:
        fetch(transport, server.url)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + seconds)
        fetch(transport, server.url)
        assert server.connection_count == count


def test_informational_responses_are_skipped(transport):
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    with RawServer([early + OK]) as server:
        status, headers, body = fetch(transport, server.url)
    assert (status, body, "link" in headers) == (200, b"hello", False)


def test_headers_have_names_in_lower_case_and_one_value(transport):
    head = "HTTP/1.1 200 OK\r\nX-Name: é\r\nVary: a\r\nVARY: b\r\nContent-Length: 0\r\n\r\n"
    with RawServer([head.encode()]) as server:
        headers = fetch(transport, server.url)[1]
    assert (headers["x-name"], headers["vary"]) == ("é", "a, b")


@pytest.mark.parametrize(
    ("line", "value"),
    [('"v1" \t', '"v1"'), ("a \r\n\t b\r\n c", "a b c"), ("a\r\n ", "a"), ("", ""), (" ", "")],
    ids=["blanks", "folds", "empty fold", "empty", "blank"],
)
def test_a_header_has_neither_folds_nor_blanks_around_it(transport, line, value):
    head = f"HTTP/1.1 200 OK\r\nETag: {line}\r\nContent-Length: 0\r\n\r\n"
    with RawServer([head.encode()]) as server:
        etag = fetch(transport, server.url)[1]["etag"]
    assert " ".join(etag.split()) == value
    assert etag == etag.strip()


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Type: multipart/mixed\r\nContent-Length: 5",
        b"Content-Type: multipart/mixed; boundary=a\r\nContent-Length: 5",
        b"Content-Length: 5 ",
        b"Content-Length: 5, 5",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length:\r\n 5",
        b"X-Name: a\r\n" * 200 + b"Content-Length: 5",
    ],
    ids=["multipart", "boundary", "blank", "list", "repeated", "folded", "many"],
)
def test_headers_that_define_the_length_are_accepted(transport, headers):
    with RawServer([b"HTTP/1.1 200 OK\r\n%b\r\n\r\nhello" % headers]) as server:
        _, lines, body = fetch(transport, server.url)
    assert (lines["content-length"], body) == ("5", b"hello")


def test_a_blank_after_the_transfer_encoding_is_ignored(transport):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with RawServer([chunked, OK]) as server:
        assert [fetch(transport, server.url)[2] for _ in range(2)] == [b"hello"] * 2


@pytest.mark.parametrize("status", [b"304 Not Modified", b"204 No Content"])
def test_a_status_without_a_body_ends_with_its_headers(transport, status):
    with RawServer([b"HTTP/1.1 %b\r\nTransfer-Encoding: chunked\r\n\r\n" % status, OK]) as server:
        responses = [fetch(transport, server.url)[::2] for _ in range(2)]
        assert server.connection_count == 1
    assert responses == [(int(status[:3]), b""), (200, b"hello")]


@pytest.mark.parametrize("decoded", [True, False])
def test_gzip_is_decoded_on_request(transport, decoded):
    stored = gzip.compress(b"hello" * 100_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(stored)}\r\n\r\n"
    with RawServer([head.encode() + stored]) as server:
        body = fetch(transport, server.url, decoded=decoded)[2]
    assert body == (b"hello" * 100_000 if decoded else stored)


def test_a_body_that_is_not_gzip_cannot_be_decoded(transport):
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
    with RawServer([head + b"hello"]) as server, pytest.raises(NetworkError, match="cannot decode") as caught:
        fetch(transport, server.url)
    assert not caught.value.passing


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
    ids=["length", "within a chunk", "after a chunk"],
)
def test_a_body_that_ends_early_is_incomplete(transport, response):
    with RawServer([response, None]) as server, pytest.raises(IncompleteDownload) as caught:
        fetch(transport, server.url)
    assert "closed the connection while sending" in caught.value.message
    assert caught.value.passing


@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 201 Created\r\nX-Name: "], ids=["nothing", "headers"])
def test_a_connection_that_closes_before_the_body_has_no_response(transport, response):
    with (
        RawServer([response, None]) as server,
        pytest.raises(NetworkError, match="closed the connection without responding") as caught,
    ):
        fetch(transport, server.url)
    assert caught.value.passing


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 4\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n folded: a\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX-Name : a\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX-Name: a\rX-Other: b\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=[
        "status line",
        "header line",
        "length",
        "transfer encoding",
        "transfer encodings",
        "lengths",
        "list of lengths",
        "fold of nothing",
        "blank in a name",
        "carriage return",
    ],
)
def test_an_invalid_response_is_refused(transport, response):
    with RawServer([response, None]) as server, pytest.raises(NetworkError, match="invalid HTTP") as caught:
        fetch(transport, server.url)
    assert not caught.value.passing


def test_headers_without_an_end_are_refused(transport):
    endless = b"HTTP/1.1 200 OK\r\n" + b"X-Name: a\r\n" * 20_000
    with RawServer([endless, None]) as server, pytest.raises(NetworkError) as caught:
        fetch(transport, server.url)
    assert not caught.value.passing


@pytest.mark.parametrize(
    "chunk",
    [
        b"five\r\nhello",
        b"-5\r\nhello",
        b"0x5\r\nhello",
        b"1_0\r\nhello",
        b"\r\nhello",
        b"5\r\nhello, world",
        b"5" * 5000,
    ],
    ids=["word", "negative", "prefix", "underscore", "empty", "longer", "endless"],
)
def test_an_invalid_chunk_is_refused(transport, chunk):
    response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n0\r\n\r\n" % chunk
    with RawServer([response, OK]) as server, pytest.raises(NetworkError, match="invalid HTTP") as caught:
        fetch(transport, server.url)
    assert not caught.value.passing


def test_trailers_without_an_end_are_refused(transport):
    response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nETag: x\r\n"
    with RawServer([response, None]) as server, pytest.raises(NetworkError):
        fetch(transport, server.url)


def test_extensions_and_trailers_of_chunks_are_ignored(transport):
    chunks = b'5;name="a"\r\nhello\r\n00A \r\n, world!!!\r\n0\r\nETag: x\r\n\r\n'
    with RawServer([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, OK]) as server:
        assert fetch(transport, server.url)[2] == b"hello, world!!!"
        assert fetch(transport, server.url)[2] == b"hello"
        assert server.connection_count == 1


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "clé", "a "], ids=ascii)
def test_an_invalid_header_is_refused_without_its_value(transport, value):
    with RawServer([OK]) as server, pytest.raises(NetworkError, match="check the token") as caught:
        fetch(transport, server.url, headers={"authorization": f"Bearer s3cret{value}"})
    assert "s3cret" not in caught.value.message
    assert server.requests == []


@pytest.mark.parametrize("name", ["a b", "a:b", "a\nb", "clé", "a ", ""], ids=ascii)
def test_an_invalid_header_name_is_refused(transport, name):
    with RawServer([OK]) as server, pytest.raises(NetworkError, match="in a request header"):
        fetch(transport, server.url, headers={name: "a"})
    assert server.requests == []


def test_a_silent_server_stalls(transport):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(NetworkError, match=r"stalled: .* in 0\.1 s") as caught:
            fetch(transport, url, timeout=0.1)
    assert caught.value.passing


def test_a_refused_connection_is_unreachable(transport):
    with refusing_port() as port, pytest.raises(Unreachable, match="connection refused"):
        fetch(transport, f"http://127.0.0.1:{port}/")


def test_an_unknown_host_is_unreachable(transport, monkeypatch):
    def resolve(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(Unreachable, match=r"cannot resolve nowhere\.invalid"):
        fetch(transport, "http://nowhere.invalid/")


def test_a_connection_that_takes_too_long_times_out(transport, monkeypatch):
    def connect(*_arguments, **_options):
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ConnectTimedOut, match="timed out after 5 s"):
        fetch(transport, "http://127.0.0.1:9/")


def test_a_response_before_the_end_of_the_request_is_returned(transport, server):
    url = server.add("/a", b"too large", status=413)
    assert fetch(transport, url, method="GET", body=bytes(1 << 20))[::2] == (413, b"too large")


def test_each_block_of_a_request_has_the_timeout(transport, monkeypatch):
    connect = socket.create_connection

    class Slow(socket.socket):
        def send(self, data, *flags):
            return super().send(data[:1000], *flags)

        def sendall(self, *_arguments):
            raise TimeoutError("timed out")  # it has one timeout for all blocks

    monkeypatch.setattr(
        socket,
        "create_connection",
        lambda *arguments, **options: Slow(fileno=connect(*arguments, **options).detach()),
    )
    body = bytes(range(256)) * 100
    with Scripted(lambda request: ScriptedResponse(body=request.body)) as server:
        assert fetch(transport, server.url, method="PUT", body=body)[2] == body


def test_certificates_are_verified(create_transport, tls_server, authority, tmp_path):
    url = tls_server.add("/a", b"hello")
    trusting = tls.context(Environment({"SSL_CERT_FILE": authority.pem}, str(tmp_path)))
    transport = create_transport(trusting)
    assert [fetch(transport, url)[2] for _ in range(2)] == [b"hello"] * 2
    untrusting = create_transport(ssl.create_default_context(cafile=None))
    with pytest.raises(NetworkError, match=r"certificate verification failed for 127\.0\.0\.1"):
        fetch(untrusting, url)


def test_the_name_of_a_certificate_is_verified(create_transport, tls_server, authority, tmp_path):
    url = tls_server.add("/a", b"hello").replace("127.0.0.1", "127.0.0.2")
    trusting = tls.context(Environment({"SSL_CERT_FILE": authority.pem}, str(tmp_path)))
    with pytest.raises(NetworkError):
        fetch(create_transport(trusting), url)


def test_plain_http_from_an_encrypted_server_fails(create_transport, tls_server):
    url = tls_server.add("/a", b"hello").replace("https:", "http:")
    with pytest.raises(NetworkError):
        fetch(create_transport(), url)


def test_an_encrypted_request_to_a_plain_server_fails_in_the_handshake(create_transport, server):
    url = server.url.replace("http:", "https:")
    with pytest.raises(NetworkError, match=r"TLS handshake with 127\.0\.0\.1:[0-9]+ failed"):
        fetch(create_transport(ssl.create_default_context()), url)


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("https://alm.example:8443/apps/a%20b?limit=1&q=x%2Fy", True),
        ("http://[::1]:8080/apps", True),
        ("https://bücher.example/apps", False),
        ("https://alm.example/a b", False),
        ("https://alm.example/a\r\nHost: other", False),
        ('https://alm.example/a"b', False),
    ],
)
def test_the_standard_transport_sends_only_urls_that_need_no_encoding(url, is_sent):
    assert can_send(url) is is_sent


@pytest.mark.skipif(sys.platform != "linux", reason="an option of Linux")
def test_each_response_is_acknowledged_at_once(monkeypatch):
    """Else a server without TCP_NODELAY that sends headers and body apart waits 40 ms."""
    options, connect = [], socket.create_connection

    class Recorded(socket.socket):
        def setsockopt(self, level, name, value):
            options.append(name)
            super().setsockopt(level, name, value)

    monkeypatch.setattr(
        socket, "create_connection", lambda *arguments: Recorded(fileno=connect(*arguments).detach())
    )
    with contextlib.closing(standard()) as transport, RawServer([OK, OK]) as server:
        for _ in range(2):
            fetch(transport, server.url)
    assert options.count(socket.TCP_QUICKACK) == 2
    assert server.connection_count == 1

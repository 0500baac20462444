"""The fault server that other tests use."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request

import pytest

from support.http import faults
from support.http.fault_server import MODIFIED, File, Huge


def get(url, **headers):
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_serves_added_pages_and_logs_requests(server):
    url = server.add("/a.txt", "hello", {"Content-Type": "text/plain"})
    status, headers, body = get(url, X_Colour="blue")
    assert (status, body) == (200, b"hello")
    assert headers["Content-Type"] == "text/plain"
    assert server.requests[0].path == "/a.txt"
    assert server.requests[0].headers["x-colour"] == "blue"


def test_answers_404_for_an_unknown_path(server):
    assert get(server.url + "/none")[0] == 404


def test_prefers_a_page_added_with_the_query(server):
    server.add("/list", "first")
    server.add("/list?page=2", "second")
    assert get(server.url + "/list?page=2")[2] == b"second"
    assert get(server.url + "/list?page=3")[2] == b"first"


@pytest.mark.parametrize(
    ("requested_range", "body", "content_range"),
    [
        ("bytes=2-", b"cdef", "bytes 2-5/6"),
        ("bytes=1-2", b"bc", "bytes 1-2/6"),
        ("bytes=-2", b"ef", "bytes 4-5/6"),
    ],
)
def test_serves_ranges(server, requested_range, body, content_range):
    status, headers, got = get(server.add("/f", b"abcdef"), Range=requested_range)
    assert (status, got, headers["Content-Range"]) == (206, body, content_range)


def test_refuses_a_range_beyond_the_end(server):
    status, headers, _ = get(server.add("/f", b"abc"), Range="bytes=3-")
    assert (status, headers["Content-Range"]) == (416, "bytes */3")


def test_ignores_the_range_when_the_content_has_changed(server):
    url = server.add("/f", b"abcdef")
    tag = get(url)[1]["ETag"]
    assert get(url, Range="bytes=2-", If_Range=tag)[0] == 206
    assert get(url, Range="bytes=2-", If_Range=MODIFIED)[0] == 206
    server.change("/f", b"ABCDEF")
    assert get(url, Range="bytes=2-", If_Range=tag)[::2] == (200, b"ABCDEF")


def test_answers_304_for_a_matching_etag(server):
    url = server.add("/f", b"abc")
    assert get(url, If_None_Match=get(url)[1]["ETag"])[0] == 304
    assert get(url, If_Modified_Since=MODIFIED)[0] == 304
    assert get(url, If_None_Match='"other"', If_Modified_Since=MODIFIED)[0] == 200


def test_asks_for_credentials(server):
    url = server.add("/f", b"abc", auth="me:secret")
    assert get(url)[0] == 401
    assert get(url, Authorization="Basic bWU6c2VjcmV0")[0] == 200


def test_a_fault_ends_after_its_times(server):
    url = server.add("/f", b"abc", fault=[faults.status(500, times=2), faults.status(404, times=1)])
    assert [get(url)[0] for _ in range(4)] == [500, 500, 404, 200]


def test_huge_content_is_the_same_in_parts_and_whole(server):
    body = Huge(300_000)
    url = server.add("/huge", body)
    whole = get(url)[2]
    assert len(whole) == 300_000
    assert get(url, Range="bytes=70001-200000")[2] == whole[70001:200001]


def test_serves_a_file(server, tmp_path):
    (tmp_path / "x").write_bytes(b"0123456789" * 100_000)
    assert get(server.add("/x", File(tmp_path / "x")), Range="bytes=999990-")[2] == b"0123456789"


@pytest.mark.parametrize(
    "fault",
    [faults.truncated(2), faults.truncated(2, reset=True), faults.announced(10), faults.chunked(cut=True)],
)
def test_breaks_off_in_the_middle(server, fault):
    url = server.add("/f", b"abcdef", fault=fault)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        get(url)


@pytest.mark.parametrize("fault", [faults.stalled(2), faults.silent(), faults.slow(1, 60)])
def test_delays_the_response(server, fault):
    url = server.add("/f", b"abcdef", fault=fault)
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(url, timeout=0.1).read()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "fault", [faults.refuses_to_answer(), faults.refuses_to_answer(reset=True), faults.garbage()]
)
def test_responds_with_bytes_that_are_not_http(server, fault):
    url = server.add("/f", b"abcdef", fault=fault)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        get(url)


def test_sends_a_wrong_range_only_for_range_requests(server):
    url = server.add("/f", b"abcdef", fault=faults.wrong_range(1))
    assert get(url)[2] == b"abcdef"
    assert get(url, Range="bytes=3-")[1]["Content-Range"] == "bytes 1-5/6"
    url = server.add("/f", b"abcdef", fault=faults.unsatisfiable())
    assert get(url)[0] == 200
    assert get(url, Range="bytes=3-")[0] == 416
    url = server.add("/f", b"abcdef", fault=faults.ignores_range())
    assert get(url, Range="bytes=3-")[::2] == (200, b"abcdef")


def test_serves_tls_to_clients_that_trust_its_authority(tls_server, authority):
    url = tls_server.add("/f", b"abc")
    context = ssl.create_default_context(cafile=authority.pem)
    with urllib.request.urlopen(url, context=context) as response:
        assert response.read() == b"abc"
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(url)


def test_is_a_proxy_for_plain_and_tunnelled_requests(server, tls_server, authority):
    server.add("/f", b"plain")
    tls_server.add("/f", b"tunnelled")
    server.tunnel_to = ("127.0.0.1", tls_server.port)
    proxies = urllib.request.ProxyHandler({"http": server.url, "https": server.url})
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority.pem))
    opener = urllib.request.build_opener(proxies, tls)
    with opener.open("http://far.invalid/f") as response:
        assert response.read() == b"plain"
    with opener.open("https://localhost:1234/f") as response:
        assert response.read() == b"tunnelled"
    assert server.tunnels == ["far.invalid", "localhost:1234"]

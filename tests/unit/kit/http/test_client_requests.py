"""Requests with a method and a body: exact address, retries, and responses of any status."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import InsecureUrl, NetworkError, Offline, Unreachable
from envmgr.kit.http import client
from envmgr.kit.http.client import Http, HttpRequest
from envmgr.kit.http.httpx_transport import HttpxTransport
from envmgr.kit.http.standard_transport import StandardTransport
from support.client_fakes import FakeClock, RecordingProgress
from support.http.scripted_server import Scripted, ScriptedResponse


@pytest.fixture
def http_parts():
    """Create an Http with a fast clock; return it, its progress and its clock."""
    created_items = []

    def make(variables=None, **settings):
        watcher, clock = RecordingProgress(), FakeClock()
        http = Http(
            Settings(**{"http_timeout": 60.0, "http_retries": 2, **settings}),
            Environment({"HOME": os.environ["HOME"], **(variables or {})}, os.getcwd()),
            watcher,
            clock=clock.clock,
        )
        created_items.append(http)
        return http, watcher, clock

    yield make
    for item in created_items:
        item.close()


def echo(request):
    return ScriptedResponse(200, {"method": request.method, "body": request.body.decode()})


def in_turn(*responses):
    remaining = list(responses)
    return lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
def test_the_method_and_the_body_are_sent(http_parts, method):
    with Scripted(echo) as server:
        body = b"" if method in {"GET", "DELETE"} else b'{"a": 1}'
        response = http_parts()[0].send(
            HttpRequest(method, f"{server.url}/x", {"X-Mine": "yes"}, body or None), repeatable=False
        )
    assert response.status == 200
    assert server.requests[0].method == method
    assert server.requests[0].body == body
    assert server.requests[0].headers["x-mine"] == "yes"


@pytest.mark.parametrize(("timeout", "seconds"), [(5.0, 5.0), (10.0, 10.0), (30.0, 10.0), (90.0, 30.0)])
def test_the_interactive_timeout_is_a_third_with_a_minimum(timeout, seconds):
    assert client.interactive_timeout(timeout) == seconds


@pytest.mark.parametrize(("is_brief", "seconds"), [(True, "0.2"), (False, "0.6")])
def test_interactive_requests_use_a_shorter_timeout(http_parts, monkeypatch, is_brief, seconds):
    monkeypatch.setattr(client, "MIN_INTERACTIVE_TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        question = HttpRequest("GET", url, interactive=is_brief)
        with pytest.raises(NetworkError, match=f"stalled: .* in {seconds} s"):
            http_parts(http_timeout=0.6, http_retries=0)[0].send(question, repeatable=True)


@pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 404, 409, 500])
def test_a_response_of_any_status_is_returned_with_its_headers(http_parts, status):
    with Scripted(lambda _: ScriptedResponse(status, headers={"X-Colour": "Blue"})) as server:
        response = http_parts()[0].send(HttpRequest("POST", server.url + "/x", {}, b"{}"), repeatable=True)
    assert (response.status, response.headers["x-colour"], len(server.requests)) == (status, "Blue", 1)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_idempotent_request_is_retried_after_retry_after(http_parts, status):
    http, watcher, clock = http_parts()
    responses = in_turn(ScriptedResponse(status, headers={"Retry-After": "7"}), ScriptedResponse(200))
    with Scripted(responses) as server:
        response = http.send(HttpRequest("PUT", server.url + "/x", {}, b"{}"), repeatable=True)
    assert (response.status, len(server.requests)) == (200, 2)
    assert sum(clock.slept) >= 7
    assert any("retrying" in note for note in watcher.notes)


def test_the_last_response_is_returned_after_all_retries(http_parts):
    with Scripted(lambda _: ScriptedResponse(503)) as server:
        response = http_parts()[0].send(HttpRequest("PUT", server.url + "/x", {}, b"{}"), repeatable=True)
    assert (response.status, len(server.requests)) == (503, 3)


def test_a_long_retry_after_ends_the_retries(http_parts):
    http, _, clock = http_parts()
    with Scripted(lambda _: ScriptedResponse(503, headers={"Retry-After": "86400"})) as server:
        response = http.send(HttpRequest("PUT", server.url + "/x", {}, b"{}"), repeatable=True)
    assert (response.status, len(server.requests), clock.slept) == (503, 1, [])


def test_a_request_that_is_not_idempotent_is_sent_once(http_parts):
    with Scripted(in_turn(None, ScriptedResponse(200))) as server:
        with pytest.raises(NetworkError):
            http_parts()[0].send(HttpRequest("POST", server.url + "/x", {}, b"{}"), repeatable=False)
        assert len(server.requests) == 1
    with Scripted(lambda _: ScriptedResponse(503)) as server:
        assert (
            http_parts()[0].send(HttpRequest("POST", server.url + "/x", {}, b"{}"), repeatable=False).status
            == 503
        )
        assert len(server.requests) == 1


def test_a_request_without_a_response_is_retried_with_the_same_body(http_parts):
    with Scripted(in_turn(None, ScriptedResponse(200))) as server:
        response = http_parts()[0].send(
            HttpRequest("POST", server.url + "/x", {"idempotency-key": "k"}, b"{}"), repeatable=True
        )
    assert response.status == 200
    assert [(item.body, item.headers["idempotency-key"]) for item in server.requests] == [(b"{}", "k")] * 2


def test_fewer_retries_than_the_setting_can_be_requested(http_parts):
    with Scripted(lambda _: ScriptedResponse(503)) as server:
        http_parts(http_retries=9)[0].send(HttpRequest("GET", server.url), repeatable=True, retries=1)
    assert len(server.requests) == 2


def test_a_refused_connection_is_an_error_at_once(http_parts):
    with Scripted(echo) as server:
        pass
    http, _, clock = http_parts()
    with pytest.raises(Unreachable, match=r"connection refused$"):
        http.send(HttpRequest("GET", server.url), repeatable=True)
    assert clock.slept == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_an_error_with_its_target(http_parts, method):
    with (
        Scripted(echo) as other,
        Scripted(lambda _: ScriptedResponse(301, headers={"Location": f"{other.url}/y"})) as server,
    ):
        with pytest.raises(NetworkError, match="refusing to follow the redirect") as caught:
            http_parts()[0].send(
                HttpRequest(method, server.url + "/x", {"authorization": "Bearer s3cret"}, None),
                repeatable=True,
            )
        assert other.url.removeprefix("http://") in (caught.value.hint or "")
        assert other.requests == []
        assert len(server.requests) == 1


def test_no_mirror_is_used(http_parts):
    with Scripted(echo) as mirror, Scripted(echo) as server:
        http, *_ = http_parts(mirrors=((server.url, mirror.url),))
        http.send(HttpRequest("POST", server.url + "/x", {}, b"{}"), repeatable=False)
        assert (len(server.requests), mirror.requests) == (1, [])


def test_no_credentials_of_netrc_are_added(http_parts, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    with Scripted(echo) as server:
        http_parts(netrc=str(netrc))[0].send(
            HttpRequest("POST", server.url + "/x", {}, b"{}"), repeatable=False
        )
    assert "authorization" not in server.requests[0].headers


def test_plain_http_offline_mode_and_files_are_rejected(http_parts):
    with pytest.raises(InsecureUrl):
        http_parts()[0].send(HttpRequest("POST", "http://far.invalid/x", {}, b"{}"), repeatable=True)
    with pytest.raises(Offline):
        http_parts(offline=True)[0].send(
            HttpRequest("POST", "http://127.0.0.1:1/x", {}, b"{}"), repeatable=True
        )
    with pytest.raises(NetworkError, match="got a file"):
        http_parts()[0].send(HttpRequest("GET", "file:///etc/hostname"), repeatable=True)


def test_allowed_plain_http_uses_the_proxy(http_parts):
    with Scripted(echo) as proxy:
        http, *_ = http_parts({"http_proxy": proxy.url}, allow_http=True)
        http.send(HttpRequest("POST", "http://far.invalid/x", {}, b"{}"), repeatable=False)
    assert proxy.lines == ["POST http://far.invalid/x"]


def test_a_slow_endless_response_does_not_time_out(http_parts):
    blocks = [b"a", b"b", b"c"]
    with (
        Scripted(lambda _: ScriptedResponse(200, blocks=blocks)) as server,
        http_parts()[0].open(HttpRequest("GET", server.url), endless=True) as stream,
    ):
        assert b"".join(stream.chunks()) == b"abc"


def test_the_method_is_in_the_trace(http_parts):
    http, watcher, _ = http_parts()
    with Scripted(echo) as server:
        http.send(HttpRequest("PUT", server.url + "/x?token=abc", {}, b"{}"), repeatable=False)
    (trace,) = watcher.traces
    assert trace.startswith("PUT ")
    assert "abc" not in trace


@pytest.mark.parametrize(
    ("variables", "url", "transport"),
    [
        ({}, "http://127.0.0.1:1/x", StandardTransport),
        ({"https_proxy": "http://proxy.example"}, "https://far.example/x", HttpxTransport),
        ({}, "https://bücher.example/x", HttpxTransport),
    ],
    ids=["direct", "proxy", "to be encoded"],
)
def test_the_standard_library_sends_direct_requests(http_parts, monkeypatch, variables, url, transport):
    senders = []

    def send(sender, *_arguments):
        senders.append(type(sender))
        raise NetworkError("not sent")

    monkeypatch.setattr(transport, "send", send)
    http = http_parts(variables, http_retries=0, allow_http=True)[0]
    with pytest.raises(NetworkError, match="not sent"):
        http.send(HttpRequest("GET", url), repeatable=True)
    with pytest.raises(NetworkError, match="not sent"):
        http.get(url)
    with pytest.raises(NetworkError, match="not sent"), http.stream(url):
        pass
    assert senders == [transport] * 3


OTHER_IMPORTS = """
import sys
class Finder:
    def find_spec(self, name, *_):
        assert sys.modules.get("ssl", Finder) is not None, f"other threads cannot import ssl during {name}"
sys.meta_path.insert(0, Finder())
import envmgr.kit.http.standard_client
assert not {"ssl", "http.client"} & sys.modules.keys()
import http.client
http.client.HTTPSConnection
"""


def test_other_modules_and_threads_import_ssl_and_the_complete_standard_client():
    subprocess.run([sys.executable, "-I", "-c", OTHER_IMPORTS], check=True)

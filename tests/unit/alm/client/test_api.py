"""Requests of the API client, token refresh, retries, and secrets that are not sent elsewhere."""

from __future__ import annotations

import os
import threading
import time

import pytest

from envmgr.alm.client import credentials, tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.credentials import StoredCredentials
from envmgr.alm.client.transport import ApiRequest, Transport
from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import AlmConflict, AlmError, AlmUnreachable, NotSignedIn, Offline, UnsupportedServer
from envmgr.kit.http.client import Http
from envmgr.kit.paths import single_root
from support.alm.fake_alm_server import KEY, PASSWORD, FakeAlmServer
from support.client_fakes import FakeClock
from support.http.scripted_server import ALM, Scripted, ScriptedResponse, problem

TOKEN = "evm_1_s3cret"


@pytest.fixture
def http():
    """Return an Http whose waits take no time."""
    environment = Environment({"HOME": os.environ["HOME"]}, os.getcwd())
    with Http(Settings(http_timeout=60.0), environment, clock=FakeClock().clock) as item:
        yield item


@pytest.fixture
def api(http):
    """Return an API client of a scripted server."""
    return lambda server, token=TOKEN: Api(Transport(server.url, http, retries=2), tokens.StaticToken(token))


def echo(requested):
    return ScriptedResponse(200, {"method": requested.method, "path": requested.path})


def in_turn(*responses):
    remaining = list(responses)
    return lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]


def test_requests_carry_the_token_and_documents(api):
    with Scripted(echo, ALM) as server:
        client = api(server)
        assert client.get("/apps", {"name": "a b", "limit": 5}) == {
            "method": "GET",
            "path": "/apps?name=a+b&limit=5",
        }
        client.post("/apps", {"name": "é"})
        client.put("/apps/1", {"name": "x"}, etag="1.3")
        client.patch("/apps/1", {"name": "x"})
        client.delete("/apps/1", {"force": "true"}, etag="1.4")
    get, post, put, patch, delete = server.requests
    assert all(item.headers["authorization"] == f"Bearer {TOKEN}" for item in server.requests)
    assert "content-type" not in get.headers
    assert (post.document, post.headers["content-type"]) == ({"name": "é"}, "application/json")
    assert post.headers["idempotency-key"].strip('"')
    assert (put.headers["if-match"], patch.headers["if-match"]) == ('"1.3"', "*")
    assert (delete.headers["if-match"], delete.path) == ('"1.4"', "/apps/1?force=true")


@pytest.mark.parametrize(("method", "is_brief"), [("GET", True), ("PUT", False), ("POST", False)])
def test_read_only_requests_use_a_shorter_timeout(http, method, is_brief):
    question = Transport("http://127.0.0.1:1", http, retries=2).build_request(
        ApiRequest(method, "/apps", {}, {})
    )
    assert question.interactive == is_brief


def test_a_response_without_a_body_is_none(api):
    with Scripted(lambda _: ScriptedResponse(204), ALM) as server:
        assert api(server).post("/auth/logout") is None


def test_a_post_without_a_response_is_retried_with_the_same_key(api):
    with Scripted(in_turn(None, ScriptedResponse(201, {"id": 1})), ALM) as server:
        assert api(server).post("/apps", {"name": "x"}) == {"id": 1}
    first, second = server.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_each_post_has_its_own_idempotency_key(api):
    with Scripted(echo, ALM) as server:
        api(server).post("/apps", {})
        api(server).post("/apps", {})
        api(server).post("/apps", {}, key="mine")
    keys = [item.headers["idempotency-key"] for item in server.requests]
    assert len(set(keys)) == 3
    assert keys[2] == '"mine"'


def test_a_post_waits_while_its_key_is_in_use(api):
    running = problem(409, "idempotency-key-in-use", "still running")
    with Scripted(in_turn(running, running, ScriptedResponse(201, {"id": 1})), ALM) as server:
        assert api(server).post("/apps", {}) == {"id": 1}
    with Scripted(lambda _: running, ALM) as server, pytest.raises(AlmConflict):
        api(server).post("/apps", {})


def test_a_patch_is_not_retried(api):
    with Scripted(lambda _: None, ALM) as server, pytest.raises(AlmUnreachable):
        api(server).patch("/apps/1", {})
    assert len(server.requests) == 1


def test_lists_are_fetched_page_by_page_on_demand(api):
    def page(requested):
        number = int(requested.path.partition("cursor=")[2] or 0)
        following = f'</elsewhere/apps?limit=2&cursor={number + 1}>; rel="next"'
        return ScriptedResponse(200, [number * 2, number * 2 + 1], {"Link": following} if number < 2 else {})

    with Scripted(page, ALM) as server:
        items = api(server).items("/apps", {"limit": 2})
        assert [next(items), next(items)] == [0, 1]
        assert len(server.requests) == 1
        assert list(items) == [2, 3, 4, 5]
    assert server.lines == ["GET /apps?limit=2", "GET /apps?limit=2&cursor=1", "GET /apps?limit=2&cursor=2"]


def test_a_link_to_another_host_is_not_followed(api):
    with (
        Scripted(echo, ALM) as other,
        Scripted(
            in_turn(
                ScriptedResponse(200, [1], {"Link": f'<{other.url}/apps?cursor=x>; rel="next"'}),
                ScriptedResponse(200, [2]),
            ),
            ALM,
        ) as server,
    ):
        assert list(api(server).items("/apps")) == [1, 2]
    assert other.requests == []


def test_a_list_response_without_a_list_is_an_error(api):
    with Scripted(echo, ALM) as server, pytest.raises(AlmError, match="expected a list"):
        list(api(server).items("/apps"))


def test_an_unreachable_server_error_names_the_address_and_next_steps(api):
    with Scripted(echo, ALM) as server:
        pass
    with pytest.raises(AlmUnreachable) as caught:
        api(server).get("/apps")
    assert server.url in caught.value.message
    assert "envmgr alm serve" in (caught.value.hint or "")
    assert TOKEN not in caught.value.message + (caught.value.hint or "")


def test_a_server_of_another_kind_is_reported_without_its_html(api):
    with (
        Scripted(lambda _: ScriptedResponse(200, body=b"<html>hello</html>")) as server,
        pytest.raises(UnsupportedServer),
    ):
        api(server).get("/apps")
    with (
        Scripted(lambda _: ScriptedResponse(200, body=b"<html>hello</html>"), ALM) as server,
        pytest.raises(AlmError, match="invalid JSON"),
    ):
        api(server).get("/apps")


def test_offline_mode_is_reported_as_such():
    environment = Environment({"HOME": os.environ["HOME"]}, os.getcwd())
    with Http(Settings(offline=True), environment) as http, pytest.raises(Offline):
        Api(Transport("http://127.0.0.1:1", http, retries=0), tokens.StaticToken(TOKEN)).get("/apps")


def test_a_rejected_static_token_is_not_retried(api):
    with (
        Scripted(lambda _: problem(401, "unauthenticated", "it has ended"), ALM) as server,
        pytest.raises(NotSignedIn, match="it has ended") as caught,
    ):
        api(server).get("/apps")
    assert len(server.requests) == 1
    assert TOKEN not in caught.value.message


class TestStoredToken:
    """The token of `alm login`, refreshed when it expires."""

    @pytest.fixture
    def paths(self, tmp_path):
        return single_root(str(tmp_path))

    @pytest.fixture
    def double(self):
        double = FakeAlmServer()
        with double.run() as server:
            yield double, server

    def saved(self, paths, server, http):
        wire = Transport(server.url, http, retries=2)
        return Api(wire, tokens.StoredToken(paths, wire))

    def sign_in(self, paths, server, http):
        wire = Transport(server.url, http, retries=2)
        login = tokens.sign_in(wire, "admin", PASSWORD)
        credentials.save(paths, server.url, login)
        return login

    def test_signing_in_stores_a_token_for_later_requests(self, paths, double, http):
        login = self.sign_in(paths, double[1], http)
        assert login.expires_at > time.time() + 800
        assert self.saved(paths, double[1], http).get("/auth/me")["role"] == "admin"

    def test_a_wrong_password_is_not_retried(self, double, http):
        with pytest.raises(NotSignedIn):
            tokens.sign_in(Transport(double[1].url, http, retries=2), "admin", "wrong")
        assert double[1].lines == ["POST /auth/login"]

    def test_a_missing_login_is_reported_without_a_request(self, paths, double, http):
        with pytest.raises(NotSignedIn, match="not signed in to") as caught:
            self.saved(paths, double[1], http).get("/auth/me")
        assert "alm login" in (caught.value.hint or "")
        assert double[1].requests == []

    def test_a_token_is_refreshed_shortly_before_it_expires(self, paths, double, http):
        alm, server = double
        alm.seconds = 5
        before = self.sign_in(paths, server, http)
        alm.seconds = 900
        self.saved(paths, server, http).get("/auth/me")
        after = credentials.load(paths, server.url)
        assert server.lines == ["POST /auth/login", "POST /auth/refresh", "GET /auth/me"]
        assert (after.token != before.token, after.refresh_token != before.refresh_token) == (True, True)
        assert after.actor == "admin"

    def test_a_rejected_token_is_refreshed(self, paths, double, http):
        alm, server = double
        login = self.sign_in(paths, server, http)
        alm.access.discard(login.token)
        assert self.saved(paths, server, http).get("/auth/me")["role"] == "admin"

    def test_an_expired_session_is_deleted_and_reported(self, paths, double, http):
        alm, server = double
        login = self.sign_in(paths, server, http)
        alm.access.discard(login.token)
        alm.refresh.clear()
        with pytest.raises(NotSignedIn, match="expired") as caught:
            self.saved(paths, server, http).get("/auth/me")
        assert "alm login" in (caught.value.hint or "")
        assert credentials.load(paths, server.url) is None

    def test_an_unreachable_server_does_not_end_the_session(self, paths, double, http):
        alm, server = double
        alm.seconds = 5
        login = self.sign_in(paths, server, http)
        alm.down = True
        with pytest.raises(AlmError):
            self.saved(paths, server, http).get("/auth/me")
        assert credentials.load(paths, server.url).refresh_token == login.refresh_token

    def test_concurrent_requests_use_a_refresh_token_once(self, paths, double, http):
        alm, server = double
        alm.seconds = 5
        self.sign_in(paths, server, http)
        alm.seconds = 900
        responses = []
        clients = [
            threading.Thread(target=lambda: responses.append(self.saved(paths, server, http).get("/auth/me")))
            for _ in range(8)
        ]
        for item in clients:
            item.start()
        for item in clients:
            item.join()
        assert len(responses) == 8
        assert alm.reused == []
        assert server.lines.count("POST /auth/refresh") == 1

    def test_a_stored_api_key_is_never_refreshed(self, paths, double, http):
        alm, server = double
        credentials.save(paths, server.url, StoredCredentials(KEY))
        assert self.saved(paths, server, http).get("/auth/me")["role"] == "admin"
        alm.access.clear()
        with pytest.raises(NotSignedIn):
            self.saved(paths, server, http).get("/auth/me")
        assert "POST /auth/refresh" not in server.lines


class TestFollow:
    """Streams that resume after a broken connection."""

    def test_events_are_yielded_and_a_broken_stream_resumes_after_the_last(self, api):
        def stream(requested):
            start = int(requested.headers.get("last-event-id", "0"))
            blocks = [
                b"retry: 1000\n\n",
                *(b'id: %d\ndata: {"seq": %d}\n\n' % (n, n) for n in (start + 1, start + 2)),
            ]
            return ScriptedResponse(
                200, blocks=[*blocks, b"id: 99\nda"], headers={"Content-Type": "text/event-stream"}
            )

        with Scripted(stream, ALM) as server:
            entries = api(server).follow("/audit/events", 5)
            assert [next(entries)["seq"] for _ in range(5)] == [6, 7, 8, 9, 10]
            entries.close()
        assert [item.headers["last-event-id"] for item in server.requests] == ["5", "7", "9"]
        assert server.requests[0].headers["accept"] == "text/event-stream"

    def test_a_stream_without_event_ids_is_not_resumed(self, api):
        with Scripted(lambda _: ScriptedResponse(200, blocks=[b'data: {"a": 1}\n\n']), ALM) as server:
            entries = api(server).follow("/audit/events")
            assert next(entries) == {"a": 1}
            entries.close()
        assert "last-event-id" not in server.requests[0].headers

    def test_a_rejected_stream_is_an_error(self, api):
        with (
            Scripted(lambda _: problem(403, "forbidden", "not yours"), ALM) as server,
            pytest.raises(AlmError, match="not yours"),
        ):
            next(api(server).follow("/audit/events"))

    def test_a_stream_fails_if_the_server_stays_unreachable(self, api):
        with Scripted(echo, ALM) as server:
            pass
        with pytest.raises(AlmUnreachable):
            next(api(server).follow("/audit/events"))

    def test_a_response_that_is_not_json_is_an_error(self, api):
        with (
            Scripted(lambda _: ScriptedResponse(200, blocks=[b"data: {\n\n"]), ALM) as server,
            pytest.raises(AlmError, match="invalid JSON"),
        ):
            next(api(server).follow("/audit/events"))

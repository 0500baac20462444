from __future__ import annotations

import json
import threading

import pytest
from litestar import Litestar

from envmgr.kit.audit_log import checkpoint as checkpoints
from envmgr.server.audit.api.audit_log import routes
from envmgr.server.contracts import events as contract
from support.services.audit_fixtures import KEY, event, events, verified
from support.services.audit_http_server import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Yield a server whose log has seven entries of two sources."""
    with serving(tmp_path_factory.mktemp("audit")) as running:
        running.append([*events(5), event(1, "version", actor="user:eve", type="VersionCreated"), event(6)])
        yield running


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


def seqs(response):
    assert response.status_code == 200, response.text
    return [entry["seq"] for entry in response.json()]


def test_the_log_is_listed_page_by_page(client):
    first = client.get("/audits?limit=3")
    assert seqs(first) == [7, 6, 5]
    following = client.get(first.links["next"]["url"])
    assert seqs(following) == [4, 3, 2]
    last = client.get(following.links["next"]["url"])
    assert seqs(last) == [1]
    assert "next" not in last.links


def test_the_served_log_verifies(client):
    assert verified(client.get("/audits?sort=seq&limit=200").json()) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("actor=user:eve", [6]),
        ("event_type=AppUpdated&limit=2", [7, 5]),
        ("resource=app/1", [6, 1]),
        ("source_service=version", [6]),
        ("from=2023-11-14T22:13:24Z", [7, 5, 4]),
        ("to=2023-11-14T22:13:22Z", [6, 1]),
        ("from=2023-11-14T23:13:23%2B01:00&to=2023-11-14T22:13:24Z", [3]),
        ("sort=seq&limit=2", [1, 2]),
        ("sort=-timestamp&limit=2", [7, 5]),
        ("actor=user:unknown", []),
        ("actor=anonymous", []),
    ],
)
def test_lists_are_filtered_and_sorted(client, query, expected):
    assert seqs(client.get(f"/audits?{query}")) == expected


IMPOSSIBLE_RESOURCES = (
    "zz/1",
    "app/shop",
    "app/0",
    "app/1/",
    "app/1/version/x",
    "app/1/status/2",
    "user/Ada",
    "key/ci",
    "binding/x",
    "environment/",
    "environment/a/b",
    "environment/-a",
    "access/ada",
    "account/Z",
)
POSSIBLE_RESOURCES = (
    "app/7",
    "app/7/version",
    "app/7/version/42",
    "app/7/deployment/3",
    "user/7",
    "key/7",
    "binding/7",
    "environment/AUTO",
    "access/user:ada",
    "access/anonymous",
    "account/0123456789abcdef0123456789abcdef",
    "service/deployment",
)


@pytest.mark.parametrize("resource", POSSIBLE_RESOURCES)
def test_every_kind_of_resource_can_be_filtered(client, resource):
    response = client.get(f"/audits?resource={resource}")
    assert response.status_code == 200, response.text


def test_a_malformed_resource_is_rejected_with_the_forms(client):
    (error,) = client.get("/audits?resource=app/shop").json()["errors"]
    assert "app/7, app/7/version/42" in error["detail"]
    assert "environment/NAME" in error["detail"]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/audits?limit=0", "?limit"),
        ("/audits?limit=201", "?limit"),
        ("/audits?from=yesterday", "?from"),
        ("/audits?to=2026-01-01T00:00:00", "?to"),
        ("/audits?from=9999-12-31T23:59:59-23:59", "?from"),
        ("/audits?sort=hash", "?sort"),
        ("/audits?cursor=x", "?cursor"),
        ("/audits?nonsense=1", "?nonsense"),
        ("/audit/events?nonsense=1", "?nonsense"),
        ("/audit/events?limit=many", "?limit"),
        ("/audit/checkpoints?limit=-1", "?limit"),
        ("/audits?actor=", "?actor"),
        ("/audits?actor=admin", "?actor"),
        ("/audits?event_type=AppMade", "?event_type"),
        ("/audits?resource=shop", "?resource"),
        *((f"/audits?resource={resource}", "?resource") for resource in IMPOSSIBLE_RESOURCES),
    ],
)
def test_an_invalid_filter_is_reported_with_a_pointer(client, path, pointer):
    response = client.get(path)
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_an_unknown_event_type_is_rejected_with_suggestions(client):
    (error,) = client.get("/audits?event_type=appcreate").json()["errors"]
    assert error["detail"].endswith("did you mean AppCreated?")
    (error,) = client.get("/audits?event_type=x").json()["errors"]
    assert "AppCreated, AppDeleted" in error["detail"]


def test_every_event_type_can_be_filtered(client):
    for type_ in contract.EVENTS:
        assert client.get(f"/audits?event_type={type_}").status_code == 200, type_


def test_an_entry_is_returned_by_its_number(client):
    response = client.get("/audits/6")
    assert response.status_code == 200
    assert response.json() | {"hash": "", "prev_hash": ""} == {
        "seq": 6,
        "id": "version-1",
        "source_service": "version",
        "source_sequence": 1,
        "event_type": "VersionCreated",
        "event": "VersionCreated",
        "actor": "user:eve",
        "resource": "app/1",
        "payload": event(1).data,
        "timestamp": 1_700_000_001_000,
        "prev_hash": "",
        "hash": "",
    }


def test_a_client_that_has_an_entry_gets_not_modified(client):
    etag = client.get("/audits/6").headers["etag"]
    again = client.get("/audits/6", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("seq", ["8", "9007199254740991"])
def test_an_entry_beyond_the_end_is_not_found(client, seq):
    assert client.get(f"/audits/{seq}").status_code == 404


@pytest.mark.parametrize("seq", ["0", "9007199254740992", "9" * 30, "9" * 5000, "-1", "x", "1.5"])
def test_an_invalid_entry_number_is_a_client_error(client, seq):
    assert client.get(f"/audits/{seq}").status_code in {400, 404}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("path", ["/audits", "/audits/1", "/audit/events"])
def test_an_entry_cannot_be_changed(server, method, path):
    with server.client("admin") as client:
        assert client.request(method, path, json={}).status_code == 405


def test_the_newest_events_are_an_array(client):
    assert seqs(client.get("/audit/events")) == [7, 6, 5, 4, 3, 2, 1]
    assert seqs(client.get("/audit/events?limit=2")) == [7, 6]


@pytest.mark.parametrize(
    "path", ["/audits", "/audits/1", "/audit/events", "/audit/checkpoints", "/audit/stats"]
)
@pytest.mark.parametrize(("token", "status"), [("unknown", 401), ("ci", 403), ("shop", 403), ("viewer", 200)])
def test_reading_the_audit_requires_its_scope(server, path, token, status):
    with server.client(token) as client:
        assert client.get(path).status_code == status


@pytest.mark.parametrize(("token", "status"), [("unknown", 401), ("ci", 403), ("shop", 403), ("viewer", 200)])
def test_a_stream_is_rejected_before_it_begins(server, token, status):
    headers = {"accept": "text/event-stream", "last-event-id": "0"}
    with server.client(token) as client, client.stream("GET", "/audit/events", headers=headers) as response:
        assert response.status_code == status


@pytest.mark.parametrize(("token", "status"), [("user", 403), ("viewer", 403), ("ci", 403)])
def test_only_administrators_can_create_checkpoints(server, token, status):
    with server.client(token) as client:
        assert client.post("/audit/checkpoints").status_code == status


def test_checkpoints_are_signed_on_request(tmp_path):
    with serving(tmp_path) as server, server.client("admin") as client:
        server.append(events(3))
        reply = client.post("/audit/checkpoints")
        assert (reply.status_code, reply.headers["location"]) == (201, "/audit/checkpoints")
        assert checkpoints.verify_error(reply.json(), checkpoints.public_key(KEY)) is None
        assert verified(client.get("/audits?sort=seq").json(), [reply.json()]) == []
        again = client.post("/audit/checkpoints", headers={"idempotency-key": "k"})
        assert (again.status_code, again.json()) == (200, reply.json())
        server.append(events(4))
        repeated = client.post("/audit/checkpoints", headers={"idempotency-key": "k"})
        assert (repeated.status_code, repeated.headers["idempotent-replayed"]) == (200, "true")
        assert client.post("/audit/checkpoints").json()["seq"] == 4
        assert [item["seq"] for item in client.get("/audit/checkpoints").json()] == [4, 3]


class Following:
    """A client that follows the log."""

    def __init__(self, client, after=None):
        headers = {"accept": "text/event-stream"} | ({} if after is None else {"last-event-id": str(after)})
        self._streaming = client.stream("GET", "/audit/events", headers=headers)

    def __enter__(self):
        self.response = self._streaming.__enter__()
        self._lines = self.response.iter_lines()
        return self

    def __exit__(self, *_):
        self._streaming.__exit__(None, None, None)

    def messages(self):
        """Yield each message's id and data."""
        id_ = None
        for line in self._lines:
            if line.startswith("id: "):
                id_ = int(line.removeprefix("id: "))
            elif line.startswith("data: "):
                yield id_, json.loads(line.removeprefix("data: "))


def test_a_stream_sends_new_entries(tmp_path):
    with serving(tmp_path) as server, server.client() as client:
        server.append(events(2))
        with Following(client) as following:
            assert following.response.headers["content-type"].startswith("text/event-stream")
            assert following.response.headers["cache-control"] == "no-store"
            server.append(events(4))
            messages = following.messages()
            (id_, entry), (next_id, _) = next(messages), next(messages)
            assert (id_, next_id) == (3, 4)
            assert entry == client.get("/audits/3").json()


def test_a_stream_resumes_where_it_broke_off(tmp_path):
    with serving(tmp_path) as server, server.client() as client:
        server.append(events(3))
        with Following(client, after=0) as following:
            first, _ = next(following.messages())
        server.append(events(5))
        with Following(client, after=first) as following:
            messages = following.messages()
            assert [next(messages)[0] for _ in range(4)] == [2, 3, 4, 5]


@pytest.mark.parametrize("after", ["8", "-1", "x"])
def test_a_stream_cannot_resume_beyond_the_end(client, after):
    response = client.get("/audit/events", headers={"accept": "text/event-stream", "last-event-id": after})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"].startswith("header:")


def test_streams_end_when_the_server_stops_and_the_end_is_signed(tmp_path):
    with serving(tmp_path) as server:
        server.append(events(2))
        ended, began = threading.Event(), threading.Event()

        def follow():
            with server.client() as client, Following(client) as following:
                began.set()
                list(following.messages())
            ended.set()

        thread = threading.Thread(target=follow)
        thread.start()
        assert began.wait(10)
    thread.join(10)
    assert ended.is_set()
    with serving(tmp_path) as server, server.client() as client:
        assert [item["seq"] for item in client.get("/audit/checkpoints").json()] == [2]


def test_a_client_that_reads_nothing_blocks_neither_others_nor_shutdown(tmp_path):
    import socket

    large = {"text": "x" * 20_000}
    with serving(tmp_path) as server, server.client() as client:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as stuck:
            stuck.sendall(
                b"GET /audit/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer viewer\r\n"
                b"Accept: text/event-stream\r\nLast-Event-ID: 0\r\n\r\n"
            )
            server.append([event(number, data=large) for number in range(1, 401)])
            with Following(client, after=0) as following:
                messages = following.messages()
                assert [next(messages)[0] for _ in range(400)] == list(range(1, 401))


def test_the_openapi_document_lists_the_possible_responses():
    paths = Litestar(routes(None)).openapi_schema.to_schema()["paths"]
    followed = paths["/audit/events"]["get"]["responses"]["200"]["content"]
    assert set(followed) == {"application/json", "text/event-stream"}
    assert {"200", "201"} <= set(paths["/audit/checkpoints"]["post"]["responses"])

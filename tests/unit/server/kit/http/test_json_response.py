"""JSON responses: encoding, and the headers that belong to them."""

from __future__ import annotations

import asyncio

import pytest
from litestar import Request
from msgspec import UNSET, Struct, UnsetType

from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.results import Result
from envmgr.server.kit.http.asgi import SCOPE_HEADERS
from envmgr.server.kit.http.json_response import JsonResponse
from envmgr.server.kit.http.responses import page_response, resource_response, result_response


class Thing(Struct, frozen=True):
    name: str
    more: str | UnsetType = UNSET


def send_response(response):
    """Send a response; return its status, its headers and its body."""
    messages = []

    async def send(message):
        messages.append(message)

    asyncio.run(response.to_asgi_response(app=None, request=None)({"type": "http"}, None, send))
    start, body = messages
    assert (start["type"], body["type"]) == ("http.response.start", "http.response.body")
    assert not body.get("more_body")
    return start["status"], start["headers"], body["body"]


def make_request(*lines, query=b"", path="/things"):
    """Create a request as the middleware passes it on."""
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query,
            "headers": list(lines),
            SCOPE_HEADERS: dict(lines),
        }
    )


def test_a_value_is_encoded_with_its_content_length():
    status, headers, body = send_response(JsonResponse(Thing("é")))
    assert status == 200
    assert body == '{"name":"é"}'.encode()
    assert headers == [(b"content-type", b"application/json"), (b"content-length", b"13")]


def test_falsy_values_are_encoded():
    assert send_response(JsonResponse([]))[2] == b"[]"
    assert send_response(JsonResponse(0))[2] == b"0"


def test_status_and_further_headers_are_sent_unchanged():
    status, headers, _ = send_response(
        JsonResponse(Thing("a"), 201, [(b"location", b"/things/1"), (b"etag", b'"1"')])
    )
    assert status == 201
    assert headers[2:] == [(b"location", b"/things/1"), (b"etag", b'"1"')]


def test_no_value_has_no_body_and_no_content_headers():
    assert send_response(JsonResponse(None, 304, [(b"etag", b'"1"')])) == (304, [(b"etag", b'"1"')], b"")


def test_an_unencodable_value_is_an_error_before_sending():
    with pytest.raises(TypeError):
        JsonResponse(object())


def test_the_same_response_can_be_sent_twice():
    response = JsonResponse(Thing("a"), headers=iter([(b"etag", b'"1"')]))
    assert send_response(response) == send_response(response)


def test_a_created_resource_has_location_and_etag():
    status, headers, body = send_response(result_response(Result(Thing("a")), "/things/1", 3))
    assert (status, body) == (201, b'{"name":"a"}')
    assert headers[2:] == [(b"etag", b'"3"'), (b"location", b"/things/1")]


def test_an_existing_resource_has_status_200():
    status, headers, _ = send_response(result_response(Result(Thing("a"), created=False), "/things/1", 3))
    assert (status, headers[2:]) == (200, [(b"etag", b'"3"')])


def test_a_replayed_response_is_marked():
    status, headers, _ = send_response(result_response(Result(Thing("a"), replayed=True), "/things/1"))
    assert status == 201
    assert headers[2:] == [(b"idempotent-replayed", b"true"), (b"location", b"/things/1")]


def test_a_page_links_to_the_next():
    _, headers, body = send_response(
        page_response(make_request(query=b"cursor=old"), Page((Thing("a"),), "new"))
    )
    assert body == b'[{"name":"a"}]'
    assert headers[2:] == [(b"link", b'</things?cursor=new>; rel="next"')]


def test_the_last_page_has_no_link():
    status, headers, body = send_response(page_response(make_request(), Page((), None)))
    assert (status, body) == (200, b"[]")
    assert [name for name, _ in headers] == [b"content-type", b"content-length"]


@pytest.mark.parametrize(
    "lines",
    [
        [b'"7"'],
        [b'W/"7"'],
        [b'"6", "7"'],
        [b'"6",W/"7" , "8"'],
        [b"*"],
        [b'"7"', b'"8"'],
        [b'"6"', b'"7"'],
    ],
    ids=repr,
)
def test_a_matching_etag_returns_not_modified(lines):
    request = make_request(*((b"if-none-match", line) for line in lines))
    assert send_response(resource_response(request, Thing("a"), 7)) == (304, [(b"etag", b'"7"')], b"")


@pytest.mark.parametrize(
    "lines", [[], [b""], [b'"77"'], [b"7"], [b'w/"7"'], [b'"6"', b'"8"'], [b'"\xff"']], ids=repr
)
def test_a_different_etag_returns_the_resource(lines):
    request = make_request(*((b"if-none-match", line) for line in lines))
    status, headers, body = send_response(resource_response(request, Thing("a"), 7))
    assert (status, body, headers[2:]) == (200, b'{"name":"a"}', [(b"etag", b'"7"')])

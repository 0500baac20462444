"""Strict decoding of bodies, with pointers to errors."""

from __future__ import annotations

import asyncio
import json

import pytest

from envmgr.server.contracts.identity_requests import BindingCreate, KeyCreate, UserCreate, UserPatch
from envmgr.server.contracts.requests import AppCreate, DeploymentCreate, EnvironmentPut, VersionPut
from envmgr.server.kit.common.problems import BadRequest, InvalidFields
from envmgr.server.kit.http.json_body import INLINE_CHECK_MAX_BYTES, StrictRequest, decode


def test_a_body_of_the_declared_type_is_decoded():
    assert decode(b'{"name": "shop"}', AppCreate) == AppCreate(name="shop")


@pytest.mark.parametrize(
    ("body", "kind", "pointer"),
    [
        (b'{"version_id": "1", "environment": "prod"}', DeploymentCreate, "/version_id"),
        (b'{"version_id": 1.0, "environment": "prod"}', DeploymentCreate, "/version_id"),
        (b'{"version_id": true, "environment": "prod"}', DeploymentCreate, "/version_id"),
        (b'{"build": {"dirty": "true"}}', VersionPut, "/build/dirty"),
        (b'{"artifacts": [{"name": "a", "digest": "b"}]}', VersionPut, "/artifacts/0/digest"),
        (b'{"rules": {"auto_deploy": [{"app": "*", "tag": 1}]}}', EnvironmentPut, "/rules/auto_deploy/0/tag"),
        (b'{"rules": {"frobnicate": 1}}', EnvironmentPut, "/rules/frobnicate"),
        (b'{"artifacts": [{"name": "a"}]}', VersionPut, "/artifacts/0/digest"),
        (b'{"name": "a", "nmae": "b"}', AppCreate, "/nmae"),
        (b'{"name": "a", "x`/~y": "b"}', AppCreate, "/x`~1~0y"),
        (b"{}", AppCreate, "/name"),
        (b"[]", AppCreate, ""),
        (b"null", AppCreate, ""),
    ],
)
def test_an_invalid_field_is_reported_with_a_pointer(body, kind, pointer):
    with pytest.raises(InvalidFields) as caught:
        decode(body, kind)
    ((message, detail),) = caught.value.errors
    assert message == pointer
    assert detail
    assert "`$" not in detail


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b'{"name": "a b"}', AppCreate, "letters, digits, `.`, `_`, `-`"),
        (b'{"name": "a", "version": "1 0"}', AppCreate, "letters, digits and `._+@:-`"),
        (b'{"version_id": 1, "environment": "a b"}', DeploymentCreate, "letters, digits, `.`, `_`, `-`"),
        (b'{"commit": "main"}', VersionPut, "7 to 64 lower-case hexadecimal digits"),
        (b'{"build": {"url": "ftp://e.org"}}', VersionPut, "https:// or http://"),
        (b'{"username": "a b", "password": "p"}', UserCreate, "letters, digits, `.`, `_`, `@`, `-`"),
        (
            b'{"name": "k", "scopes": ["apps:reed"]}',
            KeyCreate,
            "invalid value 'apps:reed'; expected one of: apps:read, apps:write, ",
        ),
        (
            b'{"tier": "prod"}',
            EnvironmentPut,
            "invalid value 'prod'; expected one of: development, other, production, ",
        ),
        (b'{"role": "root"}', UserPatch, "invalid value 'root'; expected one of: admin, "),
        (b'{"name": "a", "x": 1}', AppCreate, "unknown field"),
        (b"{}", AppCreate, "required"),
    ],
)
def test_allowed_values_are_listed(body, kind, message):
    with pytest.raises(InvalidFields) as caught:
        decode(body, kind)
    ((_, detail),) = caught.value.errors
    assert message in detail
    assert "regex" not in detail


def test_an_invalid_key_is_reported_with_the_pointer_of_its_mapping():
    body = {"issuer": "https://e.org", "audience": "a", "claims": {"a b": "c"}, "scopes": ["apps:read"]}
    with pytest.raises(InvalidFields) as caught:
        decode(json.dumps(body).encode(), BindingCreate)
    assert caught.value.errors == (("/claims", "printable ASCII without spaces"),)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"name": "a"} {}', b'{"name": "\xff"}', b'{"name": "\\ud800"}'],
    ids=repr,
)
def test_invalid_json_is_malformed(body):
    with pytest.raises(BadRequest):
        decode(body, AppCreate)


@pytest.mark.parametrize("deep", [b"[" * 200_000, b'{"a":' * 200_000])
def test_deep_nesting_is_malformed(deep):
    with pytest.raises(BadRequest, match="deeply"):
        decode(deep, object)


@pytest.mark.parametrize(
    ("body", "kind", "pointers"),
    [
        (b'{"name": "a", "name": "b"}', AppCreate, ["/name"]),
        (b'{"name": "a", "n\\u0061me": "a"}', AppCreate, ["/name"]),
        (
            b'{"artifacts": [{"name": "a", "digest": "sha256:%b", "name": "b"}]}' % (b"a" * 64),
            VersionPut,
            ["/artifacts/0/name"],
        ),
        (b'{"x/y": {"a": 1, "a": 2}, "x/y": 1}', dict, ["/x~1y", "/x~1y/a"]),
    ],
)
def test_a_duplicate_name_is_reported_with_a_pointer(body, kind, pointers):
    with pytest.raises(InvalidFields) as caught:
        decode(body, kind)
    assert [pointer for pointer, _ in caught.value.errors] == pointers


def test_the_same_name_in_sibling_objects_is_accepted():
    assert decode(b'{"a": {"x": 1}, "b": {"x": 2}}', dict) == {"a": {"x": 1}, "b": {"x": 2}}


def test_a_large_body_is_checked_for_duplicates():
    body = b'{"name": "a", "name": "b"}' + b" " * INLINE_CHECK_MAX_BYTES
    with pytest.raises(InvalidFields, match="duplicate fields"):
        decode(body, AppCreate)


@pytest.mark.parametrize(
    "text", [rb'"\ud800"', rb'"\udc00 and more"', rb'"\ud83d\u0041 and more"', rb'"\uD83Dabcdefghij"']
)
def test_a_lone_surrogate_is_reported_as_such(text):
    with pytest.raises(BadRequest, match="contains a lone surrogate"):
        decode(b'{"name": %b}' % text, AppCreate)


def test_an_incomplete_body_is_not_reported_as_an_encoding_error():
    with pytest.raises(BadRequest, match="truncated"):
        decode(b'{"name": "a', AppCreate)


def read_body(*messages):
    """Read the body of a request that arrives in these messages; return it and the number of messages."""
    chunks = iter(messages)
    count = 0

    async def receive():
        nonlocal count
        count += 1
        return next(chunks)

    request = StrictRequest({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)

    async def messages_in_parts():
        first = await request.body()
        assert await request.body() is first
        return first

    return asyncio.run(messages_in_parts()), count


def piece(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("messages", "body"),
    [
        ([piece(b"whole")], b"whole"),
        ([piece(b"in ", more=True), piece(b"", more=True), piece(b"pieces")], b"in pieces"),
        ([piece(b"ends late", more=True), piece(b"")], b"ends late"),
        ([piece(b"")], b""),
        ([{"type": "http.request"}], b""),
        ([{"type": "http.request", "more_body": True}, piece(b"x")], b"x"),
    ],
    ids=repr,
)
def test_a_body_is_read_completely_and_once(messages, body):
    assert read_body(*messages) == (body, len(messages))


@pytest.mark.parametrize("before", [[], [piece(b"half", more=True)]], ids=len)
def test_a_body_cut_off_by_a_disconnect_is_malformed(before):
    with pytest.raises(BadRequest, match="connection closed"):
        read_body(*before, {"type": "http.disconnect"})

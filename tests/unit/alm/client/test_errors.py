"""Each error response becomes an error with the server's message and a hint."""

from __future__ import annotations

import json

import pytest

from envmgr.alm.client.errors import check_version, read, to_error
from envmgr.kit.errors import (
    AlmConflict,
    AlmError,
    AlmInvalidRequest,
    AlmNotFound,
    AlmRateLimited,
    Forbidden,
    NotSignedIn,
    SelfApprovalForbidden,
    UnsupportedServer,
)
from envmgr.kit.http.client import Response

URL = "https://alm.example.com/apps"


def response(status, document=None, body=None, **headers):
    content = json.dumps(document).encode() if body is None else body
    return Response(status, URL, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def problem(status, detail="because", **members):
    return response(
        status, {"type": "/problems/some-kind", "title": "T", "status": status, "detail": detail, **members}
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, AlmInvalidRequest),
        (401, NotSignedIn),
        (403, Forbidden),
        (404, AlmNotFound),
        (405, AlmError),
        (409, AlmConflict),
        (412, AlmConflict),
        (413, AlmInvalidRequest),
        (415, AlmInvalidRequest),
        (422, AlmInvalidRequest),
        (428, AlmInvalidRequest),
        (429, AlmRateLimited),
        (500, AlmError),
        (502, AlmRateLimited),
        (503, AlmRateLimited),
        (504, AlmRateLimited),
        (599, AlmError),
    ],
)
def test_each_status_raises_its_error_with_the_servers_message(status, kind):
    error = to_error(problem(status, "the cat sleeps on it"))
    assert type(error) is kind
    assert "the cat sleeps on it" in error.message
    assert "alm.example.com" in error.message
    assert error.exit_code == 1


def test_every_invalid_field_is_listed():
    errors = [
        {"pointer": "/name", "detail": "too long"},
        {"pointer": "?limit", "detail": "at most 200"},
        "odd",
    ]
    error = to_error(problem(422, errors=errors))
    assert error.issues == ("/name: too long", "?limit: at most 200")
    assert "/name: too long" in error.message


def test_a_conflict_carries_its_kind_and_members():
    error = to_error(problem(409, existing_digest="a", submitted_digest="b"))
    assert (error.kind, error.members) == ("some-kind", {"existing_digest": "a", "submitted_digest": "b"})


def test_an_invalid_transition_lists_the_valid_ones():
    assert (
        to_error(problem(409, allowed_statuses=["failed", "cancelled"])).hint == "allowed: failed, cancelled"
    )
    assert to_error(problem(409, allowed_statuses=[])).hint == "this status is final"


def test_a_conflict_hint_shows_the_command_for_the_blocking_resource():
    assert "envmgr alm deployments show 7" in to_error(problem(409, active_deployment="/deployments/7")).hint


@pytest.mark.parametrize(
    ("state", "way"),
    [
        ("pending", "--status in_progress` to start"),
        ("in_progress", "--status successful` (or `failed`) to finish"),
        ("awaiting_approval", "another user approves it"),
        ("blocked", "--status pending` to continue once the environment is unblocked"),
    ],
)
def test_the_hint_for_a_blocking_deployment_depends_on_its_status(state, way):
    hint = to_error(problem(409, active_deployment="/deployments/7", active_deployment_status=state)).hint
    assert way in hint
    assert "`envmgr alm deployments update 7 --status cancelled` to cancel" in hint


def test_missing_approval_by_another_user_differs_from_missing_permission():
    document = {"type": "/problems/self-approval-forbidden", "detail": "another user must advance it"}
    assert type(to_error(response(403, document))) is SelfApprovalForbidden


@pytest.mark.parametrize(
    ("detail", "command"),
    [
        ("app 'xyz' not found", "apps list"),
        ("version shop@9 not found", "versions list"),
        ("deployment 9 not found", "deployments list"),
        ("environment 'prd' not found", "status"),
    ],
)
def test_a_not_found_hint_names_the_list_command(detail, command):
    assert to_error(problem(404, detail)).hint == f"run `envmgr alm {command}` to list them"


def test_the_force_parameter_is_displayed_as_an_option():
    assert "delete with --force" in to_error(problem(409, "delete with ?force=true")).message


@pytest.mark.parametrize(
    ("seconds", "text", "hint"),
    [
        ("899", "try again in 15 minutes", "wait 15 minutes and retry"),
        ("45", "try again in 45 s", "wait a little and retry"),
        ("soon", "try again in soon s", "wait a little and retry"),
    ],
)
def test_a_long_retry_delay_is_formatted_in_minutes(seconds, text, hint):
    document = {"detail": f"too many sign-ins have failed: try again in {seconds} s"}
    error = to_error(response(429, document, retry_after=seconds))
    assert error.message.endswith(text)
    assert error.hint.startswith(hint)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": 3}', b"[" * 100_000, b"\xff"])
def test_a_response_without_a_problem_document_is_reported_by_its_status(body):
    assert "404 Not Found" in to_error(response(404, body=body)).message


def test_control_characters_in_server_messages_are_escaped():
    errors = [{"pointer": "/a\x1b[2J", "detail": "b\r\nc\u202e"}]
    for status in (409, 422, 500):
        error = to_error(
            problem(status, "\x1b]0;owned\x07 d\x9be", errors=errors, allowed_statuses=["\x1b[1m"])
        )
        assert (error.message + (error.hint or "")).replace("\n", "").isprintable()


def test_a_server_error_shows_the_request_id():
    error = to_error(response(500, {"detail": "oops"}, x_request_id="abc-1"))
    assert "abc-1" in (error.hint or "")


def test_an_errors_member_that_is_not_a_list_is_ignored():
    assert read(problem(400, errors="many")).issues == ()


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_a_response_without_an_api_version_is_not_from_an_alm_server(status):
    with pytest.raises(UnsupportedServer, match="is not a supported ALM server") as caught:
        check_version(response(status))
    assert caught.value.hint


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_gateway_error_is_reported_as_unavailable(status):
    check_version(response(status))


def test_the_same_api_version_is_accepted():
    check_version(response(200, alm_api="1"))


def test_another_api_version_names_the_side_to_update():
    with pytest.raises(UnsupportedServer, match="version 2") as newer:
        check_version(response(200, alm_api="2"))
    assert (newer.value.hint or "").startswith("update envmgr")
    with pytest.raises(UnsupportedServer, match="version 0") as older:
        check_version(response(200, alm_api="0"))
    assert (older.value.hint or "").startswith("update the server")
    with pytest.raises(UnsupportedServer):
        check_version(response(200, alm_api="soon"))

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from envmgr.alm.key_options import MAX_LIFETIME_SECONDS, PUSH_SCOPES, SCOPES, parse_duration, parse_scopes
from envmgr.cli import console
from envmgr.cli.alm import prompts
from envmgr.cli.alm.commands import keys as screen
from envmgr.cli.completion.candidates import candidates
from envmgr.cli.options import Options
from envmgr.cli.output.style import Style
from envmgr.kit.errors import AlmError, AlmNotFound, Forbidden, UsageError
from envmgr.ops.alm import keys
from envmgr.ops.alm.keys import KeyOptions
from envmgr.server.contracts import identity_requests
from envmgr.server.kit.common import context
from support.alm.fake_api_client import FakeApiClient

KEY = {
    "id": 4,
    "name": "shop CI",
    "scopes": ["apps:read"],
    "apps": ["shop"],
    "created_at": "2026-01-01T00:00:00.000Z",
    "expires_at": "2026-04-01T00:00:00.000Z",
    "last_used_at": "1970-01-01T00:00:00.000Z",
}
FOREVER = {**KEY, "id": 12, "name": "all\x1b[2J", "apps": None, "expires_at": None, "last_used_at": None}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("90d", 90 * 86_400),
        ("12h", 12 * 3_600),
        ("1m", 60),
        ("2w", 14 * 86_400),
        ("1830d", MAX_LIFETIME_SECONDS),
    ],
)
def test_a_lifetime_is_parsed_with_its_unit(text, result):
    assert parse_duration(text) == result


@pytest.mark.parametrize(
    "text", ["", "d", "90", "0d", "-1d", "1.5d", "90 d", "90D", "3y", "1d12h", "٣d", "²d"]
)
def test_an_invalid_lifetime_error_shows_valid_ones(text):
    with pytest.raises(UsageError, match="invalid duration") as caught:
        parse_duration(text)
    assert "90d" in caught.value.hint


def test_a_lifetime_beyond_the_servers_maximum_is_rejected():
    with pytest.raises(UsageError, match="duration 1831d exceeds the maximum") as caught:
        parse_duration("1831d")
    assert "1830d" in caught.value.hint
    (limits,) = identity_requests.Lifetime.__metadata__
    assert (limits.ge, limits.le) == (parse_duration("1m"), MAX_LIFETIME_SECONDS)


def test_scopes_are_those_of_the_server():
    assert SCOPES == context.SCOPES


def test_scopes_are_deduplicated_and_default_to_those_of_a_push():
    assert parse_scopes(["audit:read", "apps:read", "audit:read"]) == ("audit:read", "apps:read")
    assert parse_scopes([]) == PUSH_SCOPES


def test_an_unknown_scope_error_lists_the_scopes():
    with pytest.raises(UsageError, match="unknown scope 'version:write'") as caught:
        parse_scopes(["apps:read", "version:write"])
    assert ", ".join(SCOPES) in caught.value.hint
    assert "did you mean versions:write" in caught.value.hint


def test_scopes_are_completed():
    assert list(candidates(["alm", "keys", "create", "ci", "--scope"], "dep")) == [
        "deployments:read",
        "deployments:write",
    ]


def test_the_request_for_a_key_contains_only_the_options():
    api = FakeApiClient({"GET /apps/7": {"id": 7, "name": "shop"}, "POST /auth/keys": KEY})
    keys.create(api, KeyOptions("ci", PUSH_SCOPES))
    keys.create(api, KeyOptions("ci", ("apps:read",), ("7",), 60))
    assert [requested[2] for requested in api.requests if requested[0] == "POST"] == [
        {"name": "ci", "scopes": list(PUSH_SCOPES)},
        {"name": "ci", "scopes": ["apps:read"], "apps": ["shop"], "expires_in": 60},
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("shp", "did you mean shop? run `envmgr alm apps create shp` to register it"),
        ("xyz", "run `envmgr alm apps create xyz` to register it"),
    ],
)
def test_a_key_for_an_unknown_app_is_not_created(name, hint):
    api = FakeApiClient({"GET /apps": [{"name": "shop"}]})
    with pytest.raises(AlmNotFound) as caught:
        keys.create(api, KeyOptions("ci", PUSH_SCOPES, (name,)))
    assert caught.value.hint == hint


def test_a_rejected_key_creation_names_the_required_role():
    api = FakeApiClient({"POST /auth/keys": Forbidden("cannot grant scopes you do not have: users:admin")})
    with pytest.raises(Forbidden, match="users:admin") as caught:
        keys.create(api, KeyOptions("ci", ("users:admin",)))
    assert "cannot exceed your own permissions" in caught.value.hint


def test_a_key_is_revoked_with_the_etag_that_was_displayed():
    api = FakeApiClient({"GET /auth/keys/4": KEY, "DELETE /auth/keys/4": None})
    keys.revoke(api, keys.show(api, 4))
    assert api.requests[-1] == ("DELETE", "/auth/keys/4", {}, "1")


def test_an_unknown_key_error_names_the_list_command():
    with pytest.raises(AlmNotFound) as caught:
        keys.show(FakeApiClient({}), 4)
    assert "keys list" in caught.value.hint


def test_revoking_a_key_asks_for_confirmation_with_its_effect(monkeypatch, capsys):
    for module in (prompts, console):
        monkeypatch.setattr(module, "can_prompt", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(AlmError, match="cancelled"):
        prompts.confirm_revocation(Options(), "key 6 (jj)")
    requested = "Revoke key 6 (jj)? Clients using it will be rejected. [y/N] "
    assert capsys.readouterr().err == requested


def test_revoking_a_key_in_ci_is_refused_with_the_option(monkeypatch):
    monkeypatch.setattr(prompts, "is_terminal", lambda _: True)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(UsageError, match="requires confirmation, but this is CI") as caught:
        prompts.confirm_revocation(Options(), "key 6 (jj)")
    assert caught.value.hint == "pass --yes"


def test_keys_are_listed_below_column_headings():
    assert screen.lines([FOREVER, KEY], 3 * 86_400, Style(colour=False), 80) == [
        "id  name     scopes     apps  expires     last used",
        "12  all?[2J  apps:read  all   never       never",
        "4   shop CI  apps:read  shop  2026-04-01  3d ago",
    ]


def test_expiring_and_expired_keys_are_highlighted():
    now = datetime(2026, 4, 1, tzinfo=UTC).timestamp()
    for passed, text in ((-28 * 60, "in 28m"), (0, "expired")):
        assert f"  {text}  " in screen.lines([KEY], now + passed, Style(colour=False), 80)[1]


def test_an_empty_key_list_shows_how_to_create_one():
    (line,) = screen.lines([], 0, Style(colour=False), 80)
    assert "keys create" in line

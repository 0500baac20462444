"""`envmgr alm keys` with a real server, and the access of CI jobs with these keys."""

from __future__ import annotations

import json

import pytest


def run_json(machine, *words):
    return json.loads(machine.ok("alm", *words, "--json").out)


def with_key(key):
    return {"ENVMGR_ALM_TOKEN": key}


def test_a_key_is_printed_alone_and_can_push_only_to_its_app(signed_in):
    made = signed_in.ok("alm", "keys", "create", "shop CI", "--app", "shop", "--expires", "90d")
    key = made.out.removesuffix("\n")
    assert key.startswith("evm_")
    assert key.split() == [key]
    assert key not in made.err
    assert "shop CI" in made.err
    assert "(scopes apps:read, versions:read, versions:write; apps shop; expires 20" in made.err
    assert "will not be shown again" in made.err
    job = with_key(key)
    signed_in.ok("alm", "push", "--app", "shop", "--tag", "of-a-key", env=job)
    assert signed_in.run("alm", "push", "--app", "billing", "--tag", "1", env=job).code == 1
    assert signed_in.run("alm", "deploy", "shop@of-a-key", "--env", "prod", env=job).code == 1


def test_a_quiet_key_is_still_printed(signed_in):
    made = signed_in.ok("alm", "keys", "create", "quiet", "--quiet")
    assert (made.out[:4], made.err) == ("evm_", "")


def test_requested_scopes_limit_the_key_to_deployments(signed_in):
    scopes = ["apps:read", "versions:read", "versions:write", "deployments:read", "deployments:write"]
    words = [word for scope in scopes for word in ("--scope", scope)]
    made = run_json(signed_in, "keys", "create", "deployer", *words)
    assert made["schema"] == "envmgr/alm-keys-create/1"
    assert (made["key"]["scopes"], made["key"]["apps"]) == (sorted(scopes), None)
    assert made["key"]["expires_at"] is None
    job = with_key(made["key"]["key"])
    signed_in.ok("alm", "push", "--app", "billing", "--tag", "keyed", env=job)
    signed_in.ok("alm", "deploy", "billing@keyed", "--env", "keyed", "--status", "successful", env=job)


def test_a_key_registers_new_apps_only_with_the_scope(signed_in):
    usual = signed_in.ok("alm", "keys", "create", "usual").out.strip()
    scopes = ("apps:read", "apps:write", "versions:read", "versions:write")
    words = [word for scope in scopes for word in ("--scope", scope)]
    more = signed_in.ok("alm", "keys", "create", "more", *words).out.strip()
    push = ["alm", "push", "--app", "brand-new", "--tag", "1"]
    assert signed_in.run(*push, env=with_key(usual)).code == 1
    assert json.loads(signed_in.ok(*push, "--json", env=with_key(more)).out)["app_created"] is True


def test_a_key_is_listed_without_its_secret_and_revoked_after_confirmation(signed_in):
    made = run_json(signed_in, "keys", "create", "short", "--app", "shop", "--expires", "12h")["key"]
    job, id_ = with_key(made["key"]), str(made["id"])
    signed_in.ok("alm", "whoami", env=job)
    (row,) = [
        line for line in signed_in.ok("alm", "keys", "list").out.splitlines() if line.startswith(f"{id_} ")
    ]
    assert row.split()[1] == "short"
    (entry,) = [
        key for key in run_json(signed_in, "keys", "list", "--limit", "0")["keys"] if key["id"] == made["id"]
    ]
    assert "key" not in entry
    unasked = signed_in.run("alm", "keys", "revoke", id_)
    assert (unasked.code, "pass --yes" in unasked.err) == (2, True)
    assert f"revoking key {id_} (short) requires confirmation" in unasked.err
    signed_in.ok("alm", "whoami", env=job)
    assert signed_in.ok("alm", "keys", "revoke", id_, "--yes").out == f"revoked key {id_} (short)\n"
    assert signed_in.run("alm", "whoami", env=job).code == 1
    gone = signed_in.run("alm", "keys", "revoke", id_, "--yes")
    assert (gone.code, "envmgr alm keys list" in gone.err) == (1, True)


def test_a_key_cannot_exceed_the_scopes_of_its_creator(signed_in, world):
    with world.daemon.wire(world.token()) as wire:
        user = {"username": "viv", "password": "a long pass phrase", "role": "viewer"}
        assert wire.ask("POST", "/users", user).status == 201
    away = with_key("")
    sign_in = ["alm", "login", signed_in.variables["ENVMGR_ALM_URL"], "-u", "viv", "--password-stdin"]
    signed_in.ok(*sign_in, stdin="a long pass phrase\n", env=away)
    refused = signed_in.run("alm", "keys", "create", "more", env=away)
    assert (refused.code, refused.out) == (1, "")
    assert "cannot grant scopes you do not have: versions:write" in refused.err
    assert "cannot exceed your own permissions" in refused.err
    signed_in.ok("alm", "keys", "create", "reading", "--scope", "versions:read", env=away)


def test_a_key_cannot_create_keys(signed_in):
    job = with_key(signed_in.ok("alm", "keys", "create", "parent").out.strip())
    refused = signed_in.run("alm", "keys", "create", "child", env=job)
    assert (refused.code, refused.out) == (1, "")
    assert "API keys require an interactive login (`envmgr alm login`)" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scope", "push"], "apps:read, apps:write, versions:read"),
        (["--expires", "soon"], "30m, 12h, 90d or 2w"),
    ],
)
def test_invalid_options_are_rejected_before_any_request(signed_in, words, message):
    refused = signed_in.run(
        "alm", "keys", "create", "odd", *words, env={"ENVMGR_ALM_URL": "http://127.0.0.1:1"}
    )
    assert (refused.code, refused.out) == (2, "")
    assert message in refused.err


def test_a_key_for_an_unknown_app_is_not_created(signed_in):
    refused = signed_in.run("alm", "keys", "create", "odd", "--app", "shpo")
    assert (refused.code, refused.out) == (1, "")
    assert "did you mean shop?" in refused.err

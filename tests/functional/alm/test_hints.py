"""Hints of `envmgr alm` after errors lead to commands that succeed."""

from __future__ import annotations

import json

import pytest

from support.alm.fake_alm_server import KEY, PASSWORD
from support.server.server_process import ADMIN_PASSWORD


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["affected", "nodejs", "<<20"],
            ["unknown operator", "hint: use a numeric version range such as '<20"],
        ),
        (
            ["affected", "nodejs", "latest"],
            ["'latest': not a version", "hint: use a numeric version range such as '<20"],
        ),
        (["apps", "create", "shop"], ["hint: run `envmgr alm apps show shop`"]),
        (["apps", "update", "idle", "--name", "shop"], ["hint: pass another name"]),
        (["versions", "create", "shop@1.3"], ["hint: run `envmgr alm versions show shop@1.3`"]),
        (["versions", "delete", "shop@1.3", "--yes"], ["hint: run `envmgr alm apps show shop`"]),
        (["apps", "delete", "shop", "--yes"], ["or use --force", "`envmgr alm apps show shop`"]),
        (["audit", "--export", "."], ["is a directory", "hint: pass a file path"]),
        (["audit", "--verify", "--file", "none"], ["cannot read", "--export FILE` to create"]),
        (["deployments", "list", "--env", "prd"], ["environment 'prd' not found", "did you mean prod?"]),
        (["deployments", "list", "--app", "xyz"], ["`envmgr alm apps list` to list them"]),
        (["versions", "show", "999"], ["`envmgr alm versions list` to list them"]),
        (["deployments", "show", "999"], ["`envmgr alm deployments list` to list them"]),
        (["login", "--token", "garbage"], ["hint: this token was rejected"]),
        (["status", "--token", "p\u00e4"], ["this token is invalid"]),
    ],
    ids=str,
)
def test_an_error_has_a_hint(signed_in, words, message):
    result = signed_in.run("alm", *words)
    assert result.code == 1, result
    for part in message:
        assert part in result.err


@pytest.mark.parametrize("words", [["deploy", "shop@1.3"], ["deployments", "list"], ["status"]])
def test_an_environment_name_is_not_reported_as_a_version(signed_in, words):
    result = signed_in.run("alm", *words, "--env", "Prod!!")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: invalid environment name 'Prod!!'\nhint: use 1 to 63 letters")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["deployments", "list", "--actor", "unknown"], "no matching deployments\n"),
        (["audit", "--actor", "unknown"], "no matching entries\n"),
    ],
)
def test_a_filter_without_matches_reports_it(signed_in, words, message):
    assert signed_in.ok("alm", *words).out == message


def test_an_ambiguous_name_is_quoted(signed_in):
    (signed_in.project / "now").mkdir()
    result = signed_in.run("alm", "checkout", "dev", "-C", str(signed_in.project / "now"))
    assert "app 'now' not found\nhint: app 'now' was inferred from this project" in result.err


def test_next_steps_of_blocked_and_pending_deployments_name_the_required_role(signed_in, world):
    signed_in.ok("alm", "apps", "create", "held", "--version", "1")
    with world.daemon.wire(world.token()) as wire:
        for name, rules in (("asks", {"requires_approval": True}), ("frozen", {"blocked": "until monday"})):
            assert wire.ask("POST", "/environments", {"name": name, "rules": rules}).status == 201
    asks = signed_in.ok("alm", "deploy", "held@1", "--env", "asks").out
    assert "asks requires approval by another user" in asks
    assert "next: another user approves it with `envmgr alm" in asks
    frozen = signed_in.ok("alm", "deploy", "held@1", "--env", "frozen").out
    assert "  until monday\n" in frozen
    assert "to continue once the environment is unblocked" in frozen
    assert "next: envmgr" not in frozen
    (waiting,) = json.loads(signed_in.ok("alm", "deployments", "list", "--env", "asks", "--json").out)[
        "deployments"
    ]
    refused = signed_in.run("alm", "deployments", "update", str(waiting["id"]), "--status", "in_progress")
    assert "hint: another user approves it with" in refused.err


def test_the_sign_in_hint_names_the_server(machine, alm):
    result = machine.run("alm", "login", alm.url)
    assert f"envmgr alm login {alm.url} --username NAME" in result.err
    wrong = machine.run("alm", "login", alm.url, "-u", "admin", "--password-stdin", stdin="wrong\n")
    assert "hint: forgot your password?" in wrong.err


def test_logging_in_reports_a_replaced_session(machine, alm):
    sign_in = ("alm", "login", alm.url, "-u", "admin", "--password-stdin")
    message = "replaced the stored login of user:admin"
    assert message not in machine.ok(*sign_in, stdin=f"{PASSWORD}\n").err
    assert message not in machine.ok(*sign_in, stdin=f"{PASSWORD}\n").err
    assert message in machine.ok("alm", "login", alm.url, "--token", KEY).err


def test_a_long_retry_delay_is_formatted_in_minutes(signed_in):
    words = ("alm", "login", "-u", "unknown", "--password-stdin")
    for _ in range(5):
        signed_in.run(*words, stdin=f"not {ADMIN_PASSWORD}\n")
    refused = signed_in.run(*words, stdin="again\n", env={"ENVMGR_HTTP_RETRIES": "0"})
    assert "too many failed sign-ins; retry in 15 minutes" in refused.err
    assert "hint: wait 15 minutes and retry" in refused.err

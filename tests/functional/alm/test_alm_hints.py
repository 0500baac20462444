"""What `envmgr alm` says where something cannot be: what leads on, and nothing that is refused as well."""

from __future__ import annotations

import json

import pytest

from support.almdouble import KEY, PASSWORD
from support.daemon import ADMIN_PASSWORD


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["affected", "nodejs", "<<20"],
            ["operator that does not exist", "hint: a range is written like '<20"],
        ),
        (
            ["affected", "nodejs", "latest"],
            ["'latest' is not a version", "hint: a range is written like '<20"],
        ),
        (["apps", "create", "shop"], ["hint: `envmgr alm apps show shop`"]),
        (["apps", "update", "idle", "--name", "shop"], ["hint: choose another name"]),
        (["versions", "create", "shop@1.3"], ["hint: `envmgr alm versions show shop@1.3`"]),
        (["versions", "delete", "shop@1.3", "--yes"], ["hint: `envmgr alm apps show shop`"]),
        (["apps", "delete", "shop", "--yes"], ["or delete with --force", "`envmgr alm apps show shop`"]),
        (["audit", "--export", "."], ["is a directory", "hint: name a file"]),
        (["audit", "--verify", "--file", "none"], ["cannot read", "--export FILE` writes"]),
        (["deployments", "list", "--env", "prd"], ["no environment 'prd'", "did you mean prod?"]),
        (["deployments", "list", "--app", "xyz"], ["`envmgr alm apps list` shows"]),
        (["versions", "show", "999"], ["`envmgr alm versions list` shows"]),
        (["deployments", "show", "999"], ["`envmgr alm deployments list` shows"]),
        (["login", "--token", "garbage"], ["hint: this token is what is refused"]),
        (["status", "--token", "p\u00e4"], ["this token cannot be one"]),
    ],
    ids=str,
)
def test_an_error_leads_on(ada, words, said):
    result = ada.run("alm", *words)
    assert result.code == 1, result
    for part in said:
        assert part in result.err


@pytest.mark.parametrize("words", [["deploy", "shop@1.3"], ["deployments", "list"], ["status"]])
def test_the_name_of_an_environment_is_not_called_a_version(ada, words):
    result = ada.run("alm", *words, "--env", "Prod!!")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        "error: 'Prod!!' cannot be the name of an environment\nhint: 1 to 63 letters"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deployments", "list", "--actor", "nobody"], "no deployment matches what was asked for\n"),
        (["audit", "--actor", "nobody"], "no entry matches what was asked for\n"),
    ],
)
def test_where_nothing_matches_that_is_said(ada, words, said):
    assert ada.ok("alm", *words).out == said


def test_a_name_that_reads_like_another_word_is_quoted(ada):
    (ada.project / "now").mkdir()
    result = ada.run("alm", "checkout", "dev", "-C", str(ada.project / "now"))
    assert "there is no app 'now'\nhint: 'now' is what the project here is called" in result.err


def test_where_approval_is_asked_for_and_where_nothing_may_go_the_next_step_is_somebody_elses(ada, world):
    ada.ok("alm", "apps", "create", "held", "--version", "1")
    with world.daemon.wire(world.token()) as wire:
        for name, rules in (("asks", {"requires_approval": True}), ("frozen", {"blocked": "until monday"})):
            assert wire.ask("POST", "/environments", {"name": name, "rules": rules}).status == 201
    asks = ada.ok("alm", "deploy", "held@1", "--env", "asks").out
    assert "asks asks for the approval of somebody else" in asks
    assert "next: somebody else than who asked for it approves it with `envmgr alm" in asks
    frozen = ada.ok("alm", "deploy", "held@1", "--env", "frozen").out
    assert "  until monday\n" in frozen
    assert "goes on with it once the environment is open again" in frozen
    assert "next: envmgr" not in frozen
    (waiting,) = json.loads(ada.ok("alm", "deployments", "list", "--env", "asks", "--json").out)[
        "deployments"
    ]
    refused = ada.run("alm", "deployments", "update", str(waiting["id"]), "--status", "in_progress")
    assert "hint: somebody else than who asked for it approves it with" in refused.err


def test_signing_in_speaks_of_this_server(machine, alm):
    nobody = machine.run("alm", "login", alm.url)
    assert f"envmgr alm login {alm.url} --username NAME" in nobody.err
    wrong = machine.run("alm", "login", alm.url, "-u", "admin", "--password-stdin", stdin="wrong\n")
    assert "hint: whoever forgot the password" in wrong.err


def test_a_sign_in_that_another_one_takes_the_place_of_is_told(machine, alm):
    sign_in = ("alm", "login", alm.url, "-u", "admin", "--password-stdin")
    said = "takes the place of the sign-in of user:admin"
    assert said not in machine.ok(*sign_in, stdin=f"{PASSWORD}\n").err
    assert said not in machine.ok(*sign_in, stdin=f"{PASSWORD}\n").err
    assert said in machine.ok("alm", "login", alm.url, "--token", KEY).err


def test_a_long_wait_is_told_in_minutes(ada):
    words = ("alm", "login", "-u", "nobody", "--password-stdin")
    for _ in range(5):
        ada.run(*words, stdin=f"not {ADMIN_PASSWORD}\n")
    refused = ada.run(*words, stdin="again\n", env={"ENVMGR_HTTP_RETRIES": "0"})
    assert "too many sign-ins have failed: try again in 15 minutes" in refused.err
    assert "hint: wait 15 minutes," in refused.err

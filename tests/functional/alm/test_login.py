"""Login and logout, with and without prompts."""

from __future__ import annotations

import json
import stat
import sys

import pytest

from support.alm.fake_alm_server import KEY, PASSWORD
from support.machine import terminal
from support.machine.sandbox import ENVMGR

LOGIN = ("alm", "login", "--username", "admin", "--password-stdin")


def credentials_of(machine):
    path = machine.home / "credentials.json"
    return json.loads(path.read_text())["servers"] if path.exists() else {}


def signed_in(machine, alm):
    return machine.ok(*LOGIN, alm.url, stdin=f"{PASSWORD}\n")


def test_a_login_with_a_password_from_stdin_stores_private_tokens(machine, alm):
    result = signed_in(machine, alm)
    assert "user:admin" in result.out
    assert f"default ALM server set to {alm.url}" in result.err
    assert stat.S_IMODE((machine.home / "credentials.json").stat().st_mode) == 0o600
    stored = credentials_of(machine)[alm.url]
    assert (stored["token"], stored["refresh_token"], stored["actor"]) == (
        "access-1",
        "refresh-1",
        "user:admin",
    )
    assert PASSWORD not in (machine.home / "credentials.json").read_text()
    assert machine.ok("config", "get", "alm_url").out == f"{alm.url}\n"


def test_commands_use_the_server_and_user_of_the_login(machine, alm):
    signed_in(machine, alm)
    document = json.loads(machine.ok("alm", "whoami", "--json").out)
    assert document == {
        "schema": "envmgr/alm-whoami/1",
        "server": alm.url,
        "actor": "user:admin",
        "role": "admin",
        "scopes": ["*"],
        "apps": None,
        "user_id": 1,
    }
    assert "admin" in machine.ok("alm", "whoami").out


def test_an_expiring_session_is_refreshed_silently(machine, alm, fake_server):
    fake_server.seconds = 5
    signed_in(machine, alm)
    fake_server.seconds = 900
    result = machine.ok("alm", "whoami")
    assert result.err == ""
    assert credentials_of(machine)[alm.url]["token"] == "access-2"
    machine.ok("alm", "whoami")
    assert alm.lines.count("POST /auth/refresh") == 1


def test_a_wrong_password_stores_nothing_and_is_not_retried(machine, alm):
    result = machine.run(*LOGIN, alm.url, stdin="incorrect-horse\n")
    assert result.code == 1
    assert "incorrect-horse" not in result.err
    assert credentials_of(machine) == {}
    assert machine.ok("config", "get", "alm_url").out == "\n"
    assert alm.lines == ["POST /auth/login"]


def test_an_api_key_is_verified_and_stored(machine, alm):
    machine.ok("alm", "login", alm.url, "--token", "-", stdin=f"{KEY}\n")
    assert credentials_of(machine)[alm.url] == {"token": KEY, "actor": "user:admin"}
    machine.ok("alm", "whoami")
    assert machine.run("alm", "login", alm.url, "--token", "evm_no_such").code == 1
    assert credentials_of(machine)[alm.url]["token"] == KEY


def test_a_second_login_does_not_change_the_default_server(machine, alm, fake_server):
    signed_in(machine, alm)
    with fake_server.run() as other:
        result = machine.ok(*LOGIN, other.url, stdin=f"{PASSWORD}\n")
        assert f"the default ALM server is still {alm.url}" in result.err
        assert f"envmgr config set alm_url {other.url}" in result.err
        assert set(credentials_of(machine)) == {alm.url, other.url}
        assert other.url in machine.ok("alm", "whoami", "--url", other.url).out


def test_equivalent_addresses_are_one_server(machine, alm):
    machine.ok(*LOGIN, f"{alm.url.removeprefix('http://')}/", stdin=f"{PASSWORD}\n")
    assert list(credentials_of(machine)) == [alm.url]


def test_the_flag_overrides_the_environment_which_overrides_stored_credentials(machine, alm):
    signed_in(machine, alm)
    wrong = {"ENVMGR_ALM_TOKEN": "evm_wrong"}
    assert machine.run("alm", "whoami", env=wrong).code == 1
    machine.ok("alm", "whoami", "--token", KEY, env=wrong)
    result = machine.run("alm", "whoami", "--url", "http://127.0.0.1:9", env={"ENVMGR_ALM_URL": alm.url})
    assert "127.0.0.1:9" in result.err
    machine.ok("alm", "whoami", env={"ENVMGR_ALM_URL": f"{alm.url}/"})


def test_a_token_variable_that_overrides_the_login_is_reported(machine, alm):
    result = machine.ok(*LOGIN, alm.url, stdin=f"{PASSWORD}\n", env={"ENVMGR_ALM_TOKEN": KEY})
    assert "warning: ENVMGR_ALM_TOKEN is set" in result.err


def test_logout_revokes_the_session_and_deletes_the_credentials(machine, alm, fake_server):
    signed_in(machine, alm)
    assert machine.ok("alm", "logout").out == f"user:admin signed out of {alm.url}\n"
    assert (fake_server.refresh, credentials_of(machine)) == (set(), {})
    result = machine.run("alm", "whoami")
    assert (result.code, "envmgr alm login" in result.err) == (1, True)
    assert machine.run("alm", "logout").code == 1


def test_logout_deletes_the_credentials_if_the_server_is_unreachable(machine, alm):
    signed_in(machine, alm)
    alm.close()
    result = machine.ok("alm", "logout", "--json")
    assert json.loads(result.out)["revoked"] is False
    assert credentials_of(machine) == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no ALM server configured"),
        (["http://127.0.0.1:9"], "no terminal: pass --username"),
        (["http://127.0.0.1:9", "-u", "ada"], "no terminal: pass --password-stdin"),
        (["http://127.0.0.1:9", "-u", "ada", "--password-stdin"], "empty password"),
        (["http://127.0.0.1:9", "-u", "ada", "--token", "x"], "--token cannot be combined with"),
        (["http://127.0.0.1:9", "--url", "http://127.0.0.1:9"], "server given twice"),
        (["http://me:pw@127.0.0.1:9"], "invalid server URL"),
        (["ftp://127.0.0.1"], "invalid server URL"),
    ],
)
def test_invalid_logins_fail_with_a_hint(machine, words, message):
    result = machine.run("alm", "login", *words)
    assert result.code in {1, 2}
    assert message in result.err
    assert "hint: " in result.err
    assert "pw" not in result.err


def test_undecodable_input_is_rejected_as_password_and_token(machine, alm):
    for words in (["-u", "ada", "--password-stdin"], ["--token", "-"]):
        result = machine.command(
            ["sh", "-c", 'printf "\\377\\n" | envmgr alm login "$@"', "sh", alm.url, *words]
        )
        assert (result.code, "not UTF-8 text" in result.err) == (2, True), result


def test_a_password_is_not_sent_over_plain_http_to_another_host(machine):
    result = machine.run(
        "alm", "login", "http://alm.far.invalid", "-u", "ada", "--password-stdin", stdin="pw\n"
    )
    assert (result.code, "insecure URL (plain http)" in result.err) == (1, True)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_login_prompts_at_a_terminal_without_echo(machine, alm):
    output = typed(machine, ["alm", "login", alm.url], ["admin\n", f"{PASSWORD}\n"])
    assert "Username at" in output
    assert "Password of admin at" in output
    assert PASSWORD not in output
    assert credentials_of(machine)[alm.url]["actor"] == "user:admin"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_the_end_of_input_at_a_prompt_is_not_a_crash(machine, alm):
    assert "empty password" in typed(machine, ["alm", "login", alm.url], ["admin\n", "\x04"], code=2)


def typed(machine, words, keys, code=0):
    """Run envmgr at a terminal, send keys at each prompt, and return the output."""
    result, output = terminal.typed([ENVMGR, *words], keys, cwd=machine.project, env=machine.environment)
    assert result == code, output
    return output

"""`envmgr alm password` with a real server: at a terminal and from stdin, with and without keys."""

from __future__ import annotations

import json
import sys
import uuid

import pytest

from support.alm.git_repository import QUIET
from support.machine import terminal
from support.machine.sandbox import ENVMGR, Sandbox

OLD, NEW = "correct horse battery staple", "incorrect donkey socket paperclip"
CHANGE = ("alm", "password", "--password-stdin")


@pytest.fixture
def user(world, tmp_path, server):
    """Return a machine with a user of its own who is signed in, and the user's name."""
    name = f"user-{uuid.uuid4().hex[:8]}"
    with world.daemon.wire(world.token()) as wire:
        created = wire.ask("POST", "/users", {"username": name, "password": OLD, "role": "user"})
    assert created.status == 201, created.text
    machine = Sandbox(tmp_path / "a machine", server)
    machine.variables |= QUIET
    url = f"http://127.0.0.1:{world.daemon.port}"
    machine.ok("alm", "login", url, "-u", name, "--password-stdin", stdin=f"{OLD}\n")
    return machine, name


def can_sign_in(machine, name, password):
    with_name = ("alm", "login", "-u", name, "--password-stdin")
    return machine.run(*with_name, stdin=f"{password}\n").code == 0


def test_a_password_is_changed_from_stdin_and_the_login_renewed(user):
    machine, name = user
    before = (machine.home / "credentials.json").read_text()
    result = machine.ok(*CHANGE, stdin=f"{OLD}\n{NEW}\n")
    assert f"password of {name} changed" in result.out
    assert NEW not in result.out + result.err + (machine.home / "credentials.json").read_text()
    assert (machine.home / "credentials.json").read_text() != before
    assert f"user:{name}" in machine.ok("alm", "whoami").out
    assert can_sign_in(machine, name, NEW)
    assert not can_sign_in(machine, name, OLD)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_passwords_are_prompted_for_without_echo_the_new_one_twice(user):
    machine, name = user
    code, output = typed(machine, [OLD, NEW, NEW])
    assert (code, f"password of {name} changed" in output) == (0, True), output
    assert f"Current password of {name} at http://" in output
    assert "New password: " in output
    assert "Repeat the new password: " in output
    assert NEW not in output
    assert OLD not in output


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_new_passwords_that_differ_change_nothing(user):
    machine, name = user
    code, output = typed(machine, [OLD, NEW, f"{NEW}!"])
    assert (code, "the new passwords differ" in output) == (2, True), output
    assert can_sign_in(machine, name, OLD)


def typed(machine, passwords):
    words = [ENVMGR, "alm", "password"]
    keys = [f"{password}\n" for password in passwords]
    return terminal.typed(words, keys, cwd=machine.project, env=machine.environment)


def test_keys_stay_valid_and_are_counted_unless_revoked(user):
    machine, _ = user
    job = {"ENVMGR_ALM_TOKEN": machine.ok("alm", "keys", "create", "CI").out.strip()}
    document = json.loads(machine.ok(*CHANGE, "--json", stdin=f"{OLD}\n{NEW}\n").out)
    assert (document["schema"], document["active_keys"], document["revoked_keys"]) == (
        "envmgr/alm-password/1",
        1,
        0,
    )
    result = machine.ok(*CHANGE, stdin=f"{NEW}\n{OLD}\n")
    assert "1 API key(s) stay valid" in result.err
    assert "--revoke-keys" in result.err
    machine.ok("alm", "whoami", env=job)
    result = machine.ok(*CHANGE, "--revoke-keys", stdin=f"{OLD}\n{NEW}\n")
    assert "1 API key(s) revoked" in result.err
    assert machine.run("alm", "whoami", env=job).code == 1


def test_a_wrong_current_password_keeps_the_login(user):
    machine, name = user
    result = machine.run(*CHANGE, stdin=f"not {OLD}\n{NEW}\n")
    assert (result.code, "enter your current password" in result.err) == (1, True), result.err
    assert f"user:{name}" in machine.ok("alm", "whoami").out
    assert can_sign_in(machine, name, OLD)


def test_a_weak_new_password_is_refused_with_the_reason(user):
    machine, _ = user
    result = machine.run(*CHANGE, stdin=f"{OLD}\nshort\n")
    assert result.code == 1
    assert "12" in result.err
    machine.ok("alm", "whoami")


def test_an_api_key_cannot_change_a_password(user):
    machine, _ = user
    job = {"ENVMGR_ALM_TOKEN": machine.ok("alm", "keys", "create", "CI").out.strip()}
    result = machine.run(*CHANGE, stdin=f"{OLD}\n{NEW}\n", env=job)
    assert (result.code, "has no password" in result.err) == (1, True), result.err


def test_a_session_of_the_environment_is_named_to_have_ended(user):
    machine, _ = user
    stored = json.loads((machine.home / "credentials.json").read_text())["servers"]
    (entry,) = stored.values()
    result = machine.ok(*CHANGE, stdin=f"{OLD}\n{NEW}\n", env={"ENVMGR_ALM_TOKEN": entry["token"]})
    assert "all sessions have ended" in result.out
    assert "to sign in again" in result.out


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (("alm", "password"), "", "no terminal to prompt for passwords"),
        (CHANGE, f"{OLD}\n", "stdin lacks a password"),
        (CHANGE, "\n\n", "stdin lacks a password"),
    ],
)
def test_missing_passwords_are_usage_errors(user, words, stdin, message):
    machine, _ = user
    result = machine.run(*words, stdin=stdin)
    assert (result.code, message in result.err, "hint: " in result.err) == (2, True, True), result.err


def test_a_missing_login_is_reported_first(tmp_path, server):
    machine = Sandbox(tmp_path / "new", server)
    result = machine.run(*CHANGE, "--url", "http://127.0.0.1:9", stdin=f"{OLD}\n{NEW}\n")
    assert (result.code, "not signed in" in result.err) == (1, True)

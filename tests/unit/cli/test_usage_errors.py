from __future__ import annotations

import pytest

from envmgr.cli import app
from envmgr.cli.options import Options
from envmgr.kit.errors import UsageError


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["instal"], "there is no command `envmgr instal`", "did you mean install"),
        (["frobnicate"], "there is no command `envmgr frobnicate`", "`envmgr --help` shows"),
        (["plugin", "ad"], "there is no command `envmgr plugin ad`", "did you mean add?"),
        (["plugin", "zzz"], "there is no command `envmgr plugin zzz`", "`envmgr plugin --help` shows"),
        (["--frob"], "there is no option --frob", "`envmgr --help` shows"),
        (["lock", "--chek"], "there is no option --chek", "did you mean --check"),
        (["uninstall"], "TOOL@VERSION... is missing", "for example: envmgr uninstall nodejs@20.1.0"),
        (["which", "a", "b"], "too much: b", "for example: envmgr which node"),
        (["install", "--jobs", "x"], "bad value for '--jobs'", "for example: envmgr install"),
        (["alm", "deploy", "shop@1"], "--env is missing", "for example: envmgr alm deploy"),
        (
            ["list", "nodejs", "20"],
            "list takes a spec only with --remote",
            "envmgr list --remote nodejs '20'",
        ),
        (["list", "--remote"], "list --remote needs a tool", "envmgr list --remote nodejs"),
        (["where", "a", "b", "c"], "where takes one tool", "envmgr where nodejs@20"),
        (["lock", "--check", "x"], "lock --check checks the lock as it is", "leave"),
        (["exec", "node"], "exec needs --", "envmgr exec nodejs@20 -- node --version"),
        (["--show-completion", "list"], "completion options stand alone", "--show-completion zsh"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_makes_no_sense_says_what_does(words, message, hint):
    with pytest.raises(UsageError) as caught:
        app.run(Options(), words)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["alm", "audit", "--limit", "x"], "bad value for '--limit': it should be a whole number"),
        (
            ["alm", "audit", "--limit", "-1"],
            "bad value for '--limit': it should be greater than or equal to 0",
        ),
        (["alm", "serve", "--port", "70000"], "bad value for '--port': it should be from 0 to 65535"),
        (["alm", "deployments", "show", "1.5"], "bad value for 'ID': it should be a whole number"),
    ],
    ids=str,
)
def test_a_bad_number_is_said_in_plain_words(words, message):
    with pytest.raises(UsageError) as caught:
        app.run(Options(), words)
    assert caught.value.message == message


def test_a_bad_choice_is_said_in_plain_words():
    with pytest.raises(UsageError) as caught:
        app.run(Options(), ["alm", "deploy", "shop@1", "--env", "prod", "--status", "done"])
    assert caught.value.message.startswith("bad value for '--status': 'done' is not one of 'pending', ")
    assert caught.value.message.endswith("'rolled_back'")


@pytest.mark.parametrize("words", [[], ["plugin"], ["config"], ["cache"]], ids=" ".join)
def test_a_group_without_a_command_helps_on_stderr(words, capsys):
    assert app.run(Options(), words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Commands:" in err


def test_a_group_without_a_command_is_an_error_for_programs():
    with pytest.raises(UsageError, match="needs a command"):
        app.run(Options(json=True), ["plugin"])


@pytest.mark.parametrize("command", sorted(app.tree().commands))
def test_every_command_helps_with_an_example(command, capsys):
    assert app.run(Options(), [command, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: envmgr" in out
    inner = app.GROUPS.get(command)
    for name in [one.name for one in inner.registered_commands] if inner else []:
        assert app.run(Options(), [command, name, "--help"]) == 0
        out = capsys.readouterr().out
        assert f"Example: envmgr {command} {name}" in out
    assert inner or "Example: " in out

from __future__ import annotations

import pytest

from envmgr.cli import app, usage_errors
from envmgr.cli.options import Options
from envmgr.kit.errors import UsageError


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["instal"], "unknown command `envmgr instal`", "did you mean install"),
        (["rm", "nodejs"], "unknown command `envmgr rm`", "run `envmgr unuse TOOL`"),
        (["ls"], "unknown command `envmgr ls`", "run `envmgr list`"),
        (["plugin", "rm"], "unknown command `envmgr plugin rm`", "`envmgr plugin --help` for help"),
        (["frobnicate"], "unknown command `envmgr frobnicate`", "run `envmgr --help` for help"),
        (["plugin", "ad"], "unknown command `envmgr plugin ad`", "did you mean add?"),
        (["plugin", "zzz"], "unknown command `envmgr plugin zzz`", "`envmgr plugin --help` for help"),
        (["--frob"], "unknown option --frob", "run `envmgr --help` for help"),
        (["lock", "--chek"], "unknown option --chek", "did you mean --check"),
        (["uninstall"], "missing argument TOOL[@SPEC]...", "for example: envmgr uninstall nodejs@20.1.0"),
        (["which", "a", "b"], "unexpected argument b", "for example: envmgr which node"),
        (["install", "--jobs", "x"], "invalid value for '--jobs'", "for example: envmgr install"),
        (["alm", "deploy", "shop@1"], "missing option --env", "for example: envmgr alm deploy"),
        (
            ["list", "nodejs", "20"],
            "SPEC requires --remote",
            "envmgr list --remote nodejs '20'",
        ),
        (["list", "--remote"], "--remote requires a tool", "envmgr list --remote nodejs"),
        (["list", "--all"], "--all requires --remote", "envmgr list --remote nodejs --all"),
        (["where", "a", "b", "c"], "expected one tool", "envmgr where nodejs@20"),
        (["lock", "--check", "x"], "--check takes no tools or platforms", "run `envmgr lock --check`"),
        (["exec", "node"], "exec requires --", "envmgr exec nodejs@20 -- node --version"),
        (["--show-completion", "list"], "take only a shell name", "--show-completion zsh"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_command_line_has_a_hint(args, message, hint):
    with pytest.raises(UsageError) as caught:
        app.run(Options(), args)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["alm", "audit", "--limit", "x"], "invalid value for '--limit': expected an integer"),
        (
            ["alm", "audit", "--limit", "-1"],
            "invalid value for '--limit': expected at least 0",
        ),
        (["alm", "serve", "--port", "70000"], "invalid value for '--port': expected 0 to 65535"),
        (["install", "--jobs", "-1"], "invalid value for '--jobs' or '-j': expected at least 0"),
        (["alm", "keys", "revoke", "0"], "invalid value for 'ID': expected at least 1"),
        (["alm", "deployments", "show", "1.5"], "invalid value for 'ID': expected an integer"),
    ],
    ids=str,
)
def test_an_invalid_number_is_explained_in_plain_words(args, message):
    with pytest.raises(UsageError) as caught:
        app.run(Options(), args)
    assert caught.value.message == message


def test_an_invalid_choice_is_explained_in_plain_words():
    with pytest.raises(UsageError) as caught:
        app.run(Options(), ["alm", "deploy", "shop@1", "--env", "prod", "--status", "done"])
    assert caught.value.message.startswith("invalid value for '--status': 'done' is not one of 'pending', ")
    assert caught.value.message.endswith("'rolled_back'")


def test_a_group_without_a_command_is_an_error_for_programs():
    with pytest.raises(UsageError, match="missing subcommand"):
        app.run(Options(json=True), ["plugin"])


def command_paths(command, path=()):
    """Yield the path of every command that is not a group."""
    subcommands = usage_errors.commands_of(command)
    if not subcommands:
        yield path
    for name, subcommand in subcommands.items():
        yield from command_paths(subcommand, (*path, name))


@pytest.mark.parametrize("path", sorted(command_paths(app.tree())), ids=" ".join)
def test_every_command_helps_with_an_example(path, capsys):
    assert app.run(Options(), [*path, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: envmgr {' '.join(path)} " in out
    example = out.partition("Example: ")[2]
    assert f"envmgr {' '.join(path)}" in example


def test_help_texts_are_short():
    for path in command_paths(app.tree()):
        command = app.tree()
        for name in path:
            command = command.commands[name]
        summary = command.help.partition("\n")[0]
        assert len(summary) <= 60, (path, summary)
        for parameter in command.params:
            text = getattr(parameter, "help", None) or ""
            assert len(text) <= 60 or parameter.opts == ["--status"], (path, parameter.opts, text)

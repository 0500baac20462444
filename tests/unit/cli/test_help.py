"""Help texts: readable in any terminal, whole, and without the parser's types."""

from __future__ import annotations

import re

import pytest

from envmgr.cli import app, usage_errors
from envmgr.cli.main import main
from envmgr.cli.options import Options

WIDTHS = (60, 80, 120)
_PARSER_TYPE = re.compile(r"<[a-z]|\bx[<>]|[<>]=?x|\{")
"""`<str>`, `<int range>`, `x>=0`, `0<=x<=65535`, and the braces around required arguments."""


def paths(command, path=()):
    """Yield the path of every command and group."""
    yield path
    for name, subcommand in usage_errors.commands_of(command).items():
        yield from paths(subcommand, (*path, name))


ALL = sorted(paths(app.tree()))


def help_of(path, width, monkeypatch, capsys):
    """Return the help of a command at the width of a terminal."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert app.run(Options(), [*path, "--help"]) == 0
    return capsys.readouterr().out


def command_at(path):
    command = app.tree()
    for name in path:
        command = command.commands[name]
    return command


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_the_terminal_and_shows_no_types_of_the_parser(path, width, monkeypatch, capsys):
    text = help_of(path, width, monkeypatch, capsys)
    assert [line for line in text.splitlines() if len(line) > width] == []
    declared = text.partition("Options:")[2].partition("Example:")[0]
    usage = text.partition("\n\n")[0]
    assert _PARSER_TYPE.findall(usage + declared) == []


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_arguments_and_values_have_names_in_capitals(path):
    command = command_at(path)
    context = command.make_context("envmgr", [], resilient_parsing=True)
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument" or not parameter.is_flag:
            assert re.fullmatch(r"[^a-z]+", parameter.metavar or "no name"), (path, parameter.name)
            assert parameter.help, (path, parameter.name)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", [path for path in ALL if usage_errors.commands_of(command_at(path))])
def test_groups_list_the_whole_summaries_of_their_commands(path, width, monkeypatch, capsys):
    text = " ".join(help_of(path, width, monkeypatch, capsys).split())
    for name, command in usage_errors.commands_of(command_at(path)).items():
        summary = " ".join(command.help.strip().partition("\n\n")[0].split())
        assert f"{name} {summary}" in text


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_has_an_example(path, monkeypatch, capsys):
    assert "Example: " in help_of(path, 80, monkeypatch, capsys)


@pytest.mark.parametrize("path", [("use",), ("alm", "keys", "create")], ids=" ".join)
def test_help_as_a_command_prints_the_help_of_a_command(path, monkeypatch, capsys):
    expected = help_of(path, 80, monkeypatch, capsys)
    assert main(["help", *path]) == 0
    assert capsys.readouterr().out == expected

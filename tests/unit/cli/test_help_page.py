"""Pages printed without the parser: byte for byte what the parser prints."""

from __future__ import annotations

import json

import pytest

from envmgr.cli import app, help_page, usage_errors
from envmgr.cli.command_table import find_group
from envmgr.cli.options import Options

GROUPS = [
    (),
    ("alm",),
    ("alm", "apps"),
    ("alm", "deployments"),
    ("alm", "keys"),
    ("alm", "versions"),
    ("bundle",),
    ("cache",),
    ("config",),
    ("plugin",),
]
WIDTHS = range(30, 100)
"""Pages are between 50 and 80 columns wide, whatever the terminal."""


def group_paths(command, path=()):
    """Yield the path of every group of the parser."""
    if usage_errors.commands_of(command):
        yield path
    for name, subcommand in usage_errors.commands_of(command).items():
        yield from group_paths(subcommand, (*path, name))


def page_of_parser(path):
    """Return the page that the parser formats at the width of a terminal."""
    command, context = app.tree(), None
    for name in ("envmgr", *path):
        command = command if context is None else command.commands[name]
        context = command.context_class(
            command, parent=context, info_name=name, terminal_width=None, max_content_width=None
        )
        context.help_option_names = ["-h", "--help"]
    return command.get_help(context) + "\n"


def request(args, options=None):
    """Print the page that a command line requests; return the exit code."""
    options = options or Options()
    print_page = help_page.lookup(options, args)
    assert print_page is not None
    return print_page(options)


def test_every_group_of_the_parser_is_compared():
    assert sorted(group_paths(app.tree())) == sorted(GROUPS)


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_a_page_is_what_the_parser_prints_at_every_width(path, monkeypatch):
    for columns in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert help_page.page(path, columns) == page_of_parser(path)


@pytest.mark.parametrize("args", [["alm", "--help"], ["alm", "-h"], ["help", "alm"]], ids=" ".join)
def test_each_form_of_a_request_prints_the_page(args, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "70")
    assert request(args) == 0
    assert capsys.readouterr().out == help_page.page(("alm",), 70)


@pytest.mark.parametrize(
    "args",
    [
        ["use", "--help"],
        ["help", "use"],
        ["nothing", "--help"],
        ["alm", "--url", "x", "--help"],
        ["alm", "apps"],
    ],
    ids=" ".join,
)
def test_other_command_lines_are_left_to_the_parser(args):
    assert help_page.lookup(Options(), args) is None


def test_without_a_command_the_first_steps_and_all_commands_are_printed(capsys):
    assert request([]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("First steps:\n  envmgr use ")
    assert all(f"\n  {name} " in out for name in find_group(()).commands)


def test_the_first_steps_are_commands():
    for line in help_page.FIRST_STEPS.splitlines()[1:]:
        assert line.split()[1] in find_group(()).commands


@pytest.mark.parametrize("args", [[], ["--help"], ["alm", "--help"]], ids=" ".join)
def test_a_page_is_a_document_for_programs(args, capsys):
    assert request(args, Options(json=True)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "envmgr/help/1"
    assert "Usage: envmgr" in document["help"]


@pytest.mark.parametrize("args", [["plugin"], ["config"], ["cache"], ["alm"]], ids=" ".join)
def test_a_group_without_a_command_helps_on_stderr(args, capsys):
    assert request(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Commands:" in err


def test_a_group_without_a_command_is_an_error_for_programs():
    assert help_page.lookup(Options(json=True), ["plugin"]) is None

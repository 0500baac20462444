from __future__ import annotations

import json

import pytest

from envmgr.cli import app
from envmgr.cli.completion import candidates as tables
from envmgr.cli.completion.arguments import ARGUMENTS
from envmgr.cli.completion.candidates import candidates
from envmgr.cli.completion.completers import FILES, VALUES_ATTRIBUTE
from envmgr.cli.usage_errors import commands_of


@pytest.mark.parametrize(
    ("args", "incomplete", "offered"),
    [
        (["alm", "deployments", "update", "9", "--status"], "in", ["in_progress"]),
        (["alm", "deploy", "shop@1", "--status"], "pen", ["pending"]),
        (["alm", "audit", "--verify", "--file"], "", [FILES]),
        (["alm", "audit", "--limit"], "", []),
        (["alm", "ap"], "ap", ["apps"]),
        (["alm", "apps"], "d", ["delete"]),
        (["alm", "audit"], "--sav", ["--save-checkpoint"]),
        (["lock", "--platform"], "", []),
    ],
)
def test_commands_options_and_values_that_never_change_are_offered(args, incomplete, offered):
    args = args if incomplete.startswith("-") or args[-1] != incomplete else args[:-1]
    assert list(candidates(args, incomplete)) == offered


def test_a_flag_does_not_change_the_candidates():
    assert "apps" in candidates(["alm", "--json"], "a")
    assert candidates(["alm", "audit", "--verify"], "--fo") == {
        "--follow": "Show new entries as they arrive."
    }


def command_paths(command, path=()):
    """Yield the path of every command that is not a group, and the command."""
    if not commands_of(command):
        yield path, command
    for name, subcommand in commands_of(command).items():
        yield from command_paths(subcommand, (*path, name))


def declared_values(parameter):
    """Return the function in `arguments` that the completer of an argument calls, or None."""
    cells = getattr(getattr(parameter, "_custom_shell_complete", None), "__closure__", None) or ()
    completers = [cell.cell_contents for cell in cells if callable(cell.cell_contents)]
    return getattr(completers[0], VALUES_ATTRIBUTE, None) if completers else None


def test_the_table_of_arguments_is_what_commands_declare():
    declared = {
        path: {declared_values(item) for item in command.params if item.param_type_name == "argument"}
        for path, command in command_paths(app.tree())
    }
    assert {
        path: next(iter(values))
        for path, values in declared.items()
        if len(values) == 1 and None not in values
    } == ARGUMENTS


@pytest.mark.parametrize(
    ("args", "incomplete", "expected"),
    [
        ([], "ins", ["install"]),
        (["-q", "plugin"], "te", ["test"]),
        (["config", "get"], "http_t", ["http_timeout"]),
        (["config", "get", "http_timeout"], "http_t", []),
        (["activate"], "elv", ["elvish"]),
    ],
)
def test_commands_and_plain_arguments_need_no_parser(args, incomplete, expected):
    assert list(tables.find_in_tables(args, incomplete) or ()) == expected


@pytest.mark.parametrize(
    ("args", "incomplete"),
    [(["lock"], "--ch"), (["lock", "--platform"], ""), (["plugin", "lint"], "a"), (["exec", "--"], "")],
)
def test_options_and_other_arguments_need_the_parser(args, incomplete):
    assert tables.find_in_tables(args, incomplete) is None


def test_words_that_are_no_command_have_no_candidates():
    assert candidates(["nonsense"], "x") == {}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return the directory of a project; the machine has no tools."""
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.setenv("ENVMGR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(directory)
    return directory


def add_manifest(project, versions, name="evil"):
    """Write a manifest with a static list of versions into a project's repository."""
    folder = project / ".envmgr.plugins"
    folder.mkdir(exist_ok=True)
    document = {"name": name, "source": {"kind": "static", "versions": versions}, "bin": [name]}
    (folder / f"{name}.json").write_text(json.dumps(document))


@pytest.mark.parametrize("args", [["install"], ["install", "--force"], ["list", "evil"]], ids=" ".join)
def test_a_candidate_that_a_shell_would_run_is_not_offered(project, args):
    commands = ["1$(sh)", "2`sh`", "3;sh", "4&sh", "5'", "6 sh", "7(sh)", "8{a,b}", "9#", "10!!"]
    add_manifest(project, [*commands, "1.0+b-c~1"])
    incomplete = "" if args[0] == "list" else "evil@"
    assert set(candidates(args, incomplete)) == {
        f"{incomplete}latest",
        f"{incomplete}1.0+b-c~1",
    }


@pytest.mark.usefixtures("project")
def test_a_tool_whose_list_is_not_cached_does_not_hide_other_tools():
    assert "python" in candidates(["install", "nodejs"], "py")


@pytest.mark.parametrize("option", [["-C", "project"], ["--cwd=project"]], ids=" ".join)
@pytest.mark.parametrize("command", [["install"], ["install", "--force"]], ids=" ".join)
def test_candidates_are_those_of_the_directory_that_is_passed(project, monkeypatch, capsys, option, command):
    add_manifest(project, ["1.5"], "local")
    monkeypatch.chdir(project.parent)
    assert tables.print_candidates([*option, *command], "local@1") == 0
    assert capsys.readouterr().out == "local@1.5\n"

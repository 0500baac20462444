"""`x` without installing: which version and which command of a tool it runs."""

from __future__ import annotations

import os

import pytest

from envmgr.kit.errors import CommandNotFound
from envmgr.ops import run_tool
from envmgr.shells import execution
from support.machine.installed_tools import Toolbox


@pytest.fixture
def box(tmp_path, monkeypatch):
    """Return a machine where a program is returned instead of replacing the process."""
    toolbox = Toolbox(tmp_path)
    toolbox.install("nodejs", "20.1.0", ["corepack", "node", "npm"])
    toolbox.install("nodejs", "22.0.0", ["corepack", "node", "npm"])
    toolbox.install("npm:@biomejs/biome", "2.0.0", ["biome", "other"])
    toolbox.install("pypi:tool", "1.0.0", ["only"])
    toolbox.install("pypi:many", "1.0.0", ["first", "second"])
    monkeypatch.setattr(
        execution, "exec_program", lambda path, arguments, variables: (path, *arguments, variables["PATH"])
    )
    monkeypatch.chdir(toolbox.project)
    return toolbox


def part(box, program):
    """Return tool, version and command of an installed program."""
    return tuple(os.path.relpath(program, box.paths.installs).split(os.sep))


@pytest.mark.parametrize(
    ("tool", "program"),
    [
        ("nodejs@20", ("nodejs", "20.1.0", "bin", "node")),
        ("node", ("nodejs", "22.0.0", "bin", "node")),
        ("biome", ("npm%3a%40biomejs%2fbiome", "2.0.0", "bin", "biome")),
        ("pypi:tool@1", ("pypi%3atool", "1.0.0", "bin", "only")),
    ],
)
def test_the_command_of_the_tools_name_runs(box, tool, program):
    path, *arguments, _ = run_tool.run_own_command(box.context(), tool, ["-v", "--"])
    assert part(box, path)[1:] == program[1:]
    assert part(box, path)[0].lower() == program[0] or program[0].startswith("npm")
    assert arguments == ["-v", "--"]


def test_a_tool_without_a_spec_has_the_version_of_the_project(box):
    box.request("nodejs=20.1.0\n")
    path, _ = run_tool.run_own_command(box.context(), "nodejs", [])
    assert part(box, path)[1] == "20.1.0"


def test_several_commands_without_the_tools_name_are_named(box):
    with pytest.raises(CommandNotFound, match="first, second") as caught:
        run_tool.run_own_command(box.context(), "pypi:many", [])
    assert caught.value.hint == "name one: envmgr x pypi:many -- first"


def test_named_tools_precede_those_of_the_project(box):
    box.request("nodejs=22.0.0\n")
    path, *arguments, search_path = run_tool.run(box.context(), ["nodejs@20", "pypi:tool"], ["npm", "ci"])
    assert (part(box, path)[1:], arguments) == (("20.1.0", "bin", "npm"), ["ci"])
    first, second, third, *_ = search_path.split(os.pathsep)
    assert [part(box, directory)[1] for directory in (first, second, third)] == ["20.1.0", "1.0.0", "22.0.0"]

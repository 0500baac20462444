from __future__ import annotations

import pytest

from envmgr.cli.options import Options, split
from envmgr.kit.errors import UsageError


def test_common_options_are_accepted_before_and_after_the_command():
    assert split(["-q", "install", "nodejs", "--json", "--offline"]) == (
        Options(quiet=True, json=True, offline=True),
        ["install", "nodejs"],
    )


def test_options_behind_a_double_dash_are_left_alone():
    options, remaining = split(["exec", "--", "tool", "-q", "--json"])
    assert options == Options()
    assert remaining == ["exec", "--", "tool", "-q", "--json"]


def test_the_directory_option_is_accepted_in_each_form(tmp_path):
    directory = str(tmp_path)
    for args in (["-C", directory], ["--cwd", directory], [f"--cwd={directory}"]):
        assert split([*args, "list"])[0].cwd == directory


@pytest.mark.parametrize(
    ("typed", "options", "others"),
    [
        ("x pypi:ruff check -q --json", Options(), "x pypi:ruff check -q --json"),
        ("-q x --offline ruff -v -C dir", Options(quiet=True, offline=True), "x ruff -v -C dir"),
        ("x a@1 -q b -- c -q", Options(quiet=True), "x a@1 b -- c -q"),
        ("-C / x ruff --yes", Options(cwd="/"), "x ruff --yes"),
        ("plugin x -q", Options(quiet=True), "plugin x"),
    ],
)
def test_options_behind_the_tool_of_x_are_left_alone(typed, options, others):
    assert split(typed.split()) == (options, others.split())


def test_arguments_of_a_shim_are_left_alone():
    assert split(["exec", "--shim", "node", "--", "-v"]) == (
        Options(),
        ["exec", "--shim", "node", "--", "-v"],
    )


@pytest.mark.parametrize("args", [["-C"], ["--cwd="], ["-C", "/no/such/directory"]])
def test_a_missing_directory_is_a_usage_error(args):
    with pytest.raises(UsageError):
        split(args)


def test_quiet_and_verbose_contradict_each_other():
    with pytest.raises(UsageError, match="mutually exclusive"):
        split(["-q", "list", "-v"])


def test_the_directory_may_follow_its_short_option_directly(tmp_path):
    assert split([f"-C{tmp_path}", "list"])[0].cwd == str(tmp_path)

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

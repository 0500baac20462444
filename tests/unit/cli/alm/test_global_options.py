from __future__ import annotations

import io

import pytest

from envmgr.cli.alm.global_options import split
from envmgr.cli.options import Options
from envmgr.kit.errors import UsageError


@pytest.mark.parametrize(
    "args",
    [
        ["alm", "--url", "https://a", "--token", "t", "push", "--app", "x"],
        ["alm", "push", "--url=https://a", "--app", "x", "--token=t"],
    ],
)
def test_global_options_are_accepted_before_and_after_the_subcommand(args):
    options, remaining = split(Options(json=True), args)
    assert (options.alm_url, options.alm_token, options.json) == ("https://a", "t", True)
    assert remaining == ["alm", "push", "--app", "x"]


def test_global_options_after_two_dashes_are_left_alone():
    assert split(Options(), ["alm", "x", "--", "--url", "a"]) == (Options(), ["alm", "x", "--", "--url", "a"])


def test_a_token_can_come_from_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("evm_1_x\nrest"))
    assert split(Options(), ["alm", "--token", "-"])[0].alm_token == "evm_1_x"


@pytest.mark.parametrize("args", [["alm", "--url"], ["alm", "--token="], ["alm", "--url", ""]])
def test_an_option_requires_its_value(args):
    with pytest.raises(UsageError, match="requires a value") as caught:
        split(Options(), args)
    assert caught.value.hint

from __future__ import annotations

import pytest

from envmgr.cli.output.style import STDOUT, Style, style_of, width_of


def test_text_is_coloured_only_with_colours_enabled():
    assert Style(colour=True).paint("red", "x") == "\x1b[31mx\x1b[0m"
    assert Style(colour=False).paint("red", "x") == "x"
    assert Style(colour=True).paint("red", "") == ""


@pytest.mark.parametrize(
    ("variables", "colour"),
    [
        ({}, False),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"CLICOLOR_FORCE": "0"}, False),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
    ],
)
def test_the_environment_decides_without_a_terminal(monkeypatch, variables, colour):
    for name in ("NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert style_of(STDOUT).colour is colour


def test_the_variable_columns_sets_the_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert width_of(STDOUT) == 60

"""Commands that record their results."""

from __future__ import annotations

import pytest

from envmgr.cli.fast_path import can_be_recorded


@pytest.mark.parametrize(
    "line",
    [
        "install",
        "install --locked",
        "lock --check",
        "list --remote alpha",
        "list -r alpha ^1",
        "list alpha --remote --all",
        "plugin list",
        "latest alpha",
        "latest alpha ^1",
        "search",
        "search java kit",
    ],
)
def test_a_command_that_may_have_nothing_to_do_is_recorded(line):
    assert can_be_recorded(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "install --help",
        "install alpha",
        "install --locked alpha",
        "install --dry-run",
        "install --force",
        "lock",
        "lock alpha",
        "lock --help",
        "lock --check --help",
        "lock --check alpha",
        "list",
        "list alpha",
        "list --remote --help",
        "list --remote -ah",
        "list -- --remote",
        "plugin list --help",
        "plugin show alpha",
        "current",
        "latest",
        "latest alpha --installed",
        "latest --help",
        "search --help",
    ],
)
def test_any_other_command_is_not(line):
    assert not can_be_recorded(line.split())

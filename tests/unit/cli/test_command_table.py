"""The table of commands agrees with what is declared."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

from envmgr.cli import declarations
from envmgr.cli.alm import declarations as alm_declarations
from envmgr.cli.catalog import declarations as catalog_declarations
from envmgr.cli.command_table import ENVMGR, CommandEntry, GroupEntry, find_group


def commands(group=ENVMGR):
    """Yield all entries of commands."""
    for entry in group.commands.values():
        if isinstance(entry, CommandEntry):
            yield entry
        else:
            yield from commands(entry)


def declared(module):
    """Return the commands that a module declares, each with its summary."""
    app = getattr(importlib.import_module(module), "app", None)
    infos = app.registered_commands if app else []
    return {
        info.name or info.callback.__name__: " ".join(
            inspect.getdoc(info.callback).partition("\n\n")[0].split()
        )
        for info in infos
    }


MODULES = sorted(
    info.name
    for package in (declarations, alm_declarations, catalog_declarations)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)


@pytest.mark.parametrize("module", MODULES)
def test_each_declared_command_is_in_the_table_with_its_summary(module):
    assert declared(module) == {entry.name: entry.summary for entry in commands() if entry.module == module}


def test_each_command_of_the_table_has_a_module():
    assert {entry.module for entry in commands()} <= set(MODULES)


@pytest.mark.parametrize("path", [(), ("alm",), ("alm", "apps")], ids=" ".join)
def test_a_group_is_found_by_its_path(path):
    group = find_group(path)
    assert isinstance(group, GroupEntry)
    assert group.name == ("envmgr", *path)[-1]


@pytest.mark.parametrize("path", [("use",), ("alm", "push"), ("nothing",), ("use", "alm")], ids=" ".join)
def test_a_command_is_no_group(path):
    assert find_group(path) is None

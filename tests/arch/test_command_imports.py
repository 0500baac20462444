"""Imports of every command: of what is expensive, only what it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envmgr.cli.command_table import ENVMGR, GroupEntry
from support.machine.imported_modules import imported_by, install_node

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPENSIVE = frozenset(
    {
        "asyncio",
        "filelock",
        "hashlib",
        "http.client",
        "httpx",
        "jmespath",
        "json",
        "jsonschema",
        "packaging",
        "pip",
        "rich",
        "ssl",
        "tarfile",
        "tomllib",
        "typer",
    }
)
NOTHING: frozenset[str] = frozenset()
PARSER = frozenset({"typer"})
MANIFESTS = frozenset({"hashlib", "json"})
"""They are read as JSON, and identified by their digests."""

PERMITTED = {
    "install": (["install", "--offline"], MANIFESTS),
    "use": (["use", "nodejs@20.1", "--offline"], MANIFESTS),
    "unuse": (["unuse", "nodejs"], PARSER | {"hashlib"}),
    "list": (["list"], NOTHING),
    "current": (["current"], NOTHING),
    "which": (["which", "node"], NOTHING),
    "where": (["where", "nodejs"], NOTHING),
    "why": (["why", "nodejs", "--offline"], PARSER | MANIFESTS),
    "exec": (["exec", "--", "node"], NOTHING),
    "env": (["env"], NOTHING),
    "x": (["x", "nodejs", "--offline"], MANIFESTS),
    "activate": (["activate", "bash"], NOTHING),
    "deactivate": (["deactivate"], PARSER),
    "setup": (["setup", "bash", "--yes"], PARSER),
    "lock": (["lock", "--offline"], MANIFESTS),
    "outdated": (["outdated", "--offline"], MANIFESTS),
    "upgrade": (["upgrade", "--offline"], MANIFESTS),
    "uninstall": (["uninstall", "nodejs@20.1.0"], PARSER),
    "link": (["link", "nodejs", "9.9.9", "."], PARSER | MANIFESTS),
    "prune": (["prune"], PARSER),
    "reshim": (["reshim"], PARSER),
    "doctor": (["doctor"], PARSER | MANIFESTS | {"http.client", "ssl"}),
    "self-update": (["self-update"], PARSER | {"json"}),
    "import": (["import"], PARSER | {"json", "tomllib"}),
    "sbom": (["sbom"], PARSER | MANIFESTS),
    "latest": (["latest", "nodejs", "--installed"], NOTHING),
    "search": (["search"], MANIFESTS),
    "plugin add": (["plugin", "add", "demo", "missing.json"], PARSER | MANIFESTS),
    "plugin list": (["plugin", "list"], PARSER | MANIFESTS),
    "plugin show": (["plugin", "show", "nodejs"], PARSER | MANIFESTS),
    "plugin remove": (["plugin", "remove", "demo"], PARSER | MANIFESTS),
    "plugin update": (["plugin", "update"], PARSER | MANIFESTS),
    "plugin trust": (["plugin", "trust", "nodejs"], PARSER | MANIFESTS),
    "plugin lint": (["plugin", "lint", "missing.json"], PARSER | MANIFESTS),
    "plugin test": (["plugin", "test", "nodejs", "--offline"], PARSER | MANIFESTS),
    "bundle create": (["bundle", "create", "f.tar"], PARSER | MANIFESTS | {"tarfile"}),
    "bundle load": (["bundle", "load", "f.tar"], PARSER | MANIFESTS | {"tarfile"}),
    "config list": (["config", "list"], PARSER),
    "config get": (["config", "get", "jobs"], PARSER),
    "config set": (["config", "set", "jobs", "3"], PARSER | {"tomllib"}),
    "config unset": (["config", "unset", "jobs"], PARSER | {"tomllib"}),
    "config path": (["config", "path"], PARSER),
    "cache dir": (["cache", "dir"], PARSER | {"json"}),
    "cache list": (["cache", "list"], PARSER | {"json"}),
    "cache clear": (["cache", "clear"], PARSER | {"json"}),
}
"""For each command a call that requests nothing, and what it may import. Those of `alm` have tests of their own."""


def names_of(group: GroupEntry) -> Iterator[str]:
    """Yield the names of a group's commands, with those of the groups below."""
    for name, entry in group.commands.items():
        if isinstance(entry, GroupEntry):
            yield from (f"{name} {below}" for below in names_of(entry))
        else:
            yield name


def test_every_command_has_its_list():
    assert {name for name in names_of(ENVMGR) if not name.startswith("alm ")} == set(PERMITTED)


@pytest.mark.parametrize("command", PERMITTED)
def test_a_command_imports_only_what_it_uses(command, tmp_path):
    install_node(tmp_path / "home")
    arguments, permitted = PERMITTED[command]
    modules = imported_by(arguments, tmp_path, variables={"HOME": str(tmp_path)})
    assert (modules & EXPENSIVE) - permitted == set()

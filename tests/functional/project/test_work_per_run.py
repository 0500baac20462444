"""A command reads and parses each lock once, resolves once, and rewrites the shims once."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.machine.sandbox import Sandbox

COUNTED = """
import json, sys
from collections import Counter
from envmgr.catalog.catalog import Catalog
from envmgr.cli.main import main
from envmgr.ops import reshim
from envmgr.project import lockfile_io
from envmgr.resolve import active, lock_consistency, lock_update
from envmgr.shells import execution

counts = Counter()

def count(owner, name):
    function = getattr(owner, name)
    def counted(*args, **options):
        counts[name] += 1
        return function(*args, **options)
    setattr(owner, name, counted)

for owner, name in (
    (lockfile_io, "read_bytes"), (lockfile_io, "parse"), (active, "resolve"), (reshim, "reshim"),
    (lock_update, "select_candidates"), (lock_consistency, "other_versions"), (Catalog, "_layout"),
):
    count(owner, name)
execution.exec_program = lambda *_: 0
code = main(sys.argv[1:])
sys.stderr.write("\\n@counts " + json.dumps(counts))
sys.exit(code)
"""


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """Create a project with three locked tools."""
    for tool in ("alpha", "beta", "gamma"):
        sandbox.publish(tool, ("1.0.0", "1.2.0"))
    sandbox.write("alpha=^1.0\nbeta=1.0.0\ngamma=1.2.0")
    sandbox.ok("lock")
    return sandbox


def counts(sandbox: Sandbox, *arguments: str) -> dict[str, int]:
    result = sandbox.command([sys.executable, "-I", "-c", COUNTED, *arguments])
    assert result.code == 0, result
    return json.loads(result.err.rpartition("@counts ")[2])


def test_installing_reads_the_lock_once_and_creates_the_shims_once(project):
    first = counts(project, "install")
    assert (first["read_bytes"], first["parse"], first["reshim"], first["_layout"]) == (1, 1, 1, 3)
    assert "select_candidates" not in first
    again = counts(project, "install")
    assert (again["read_bytes"], again["parse"]) == (1, 1)
    assert "reshim" not in again


@pytest.mark.parametrize(
    ("command", "comparisons"),
    [("lock", 3), ("lock --check", 6), ("install --dry-run", 3)],
)
def test_a_command_reads_a_lock_once_and_compares_its_urls_once(project, command, comparisons):
    """Each of three tools is compared; `lock --check` also reports what does not belong together."""
    result = counts(project, *command.split())
    assert (result["read_bytes"], result["parse"], result["other_versions"]) == (1, 1, comparisons)


@pytest.mark.parametrize(
    "command",
    [["current"], ["list"], ["which", "alpha"], ["where", "alpha"], ["exec", "--", "alpha"]],
    ids=lambda command: command[0],
)
def test_a_fast_command_resolves_once(project, command):
    project.ok("install")
    result = counts(project, *command)
    assert (result["read_bytes"], result["parse"]) == (1, 1)
    assert result.get("resolve", 1) == 1


@pytest.mark.parametrize("options", [[], ["--pin"]], ids=["as asked", "pinned"])
def test_use_resolves_once_and_creates_the_shims_once(project, options):
    project.ok("install")
    result = counts(project, "use", "beta", "^1.2", *options)
    assert (result["read_bytes"], result["parse"]) == (1, 1)
    assert (result["select_candidates"], result["reshim"], result["_layout"]) == (1, 1, 1)
    assert project.lock["resolved"]["beta@1.2.0" if options else "beta@^1.2"] == "1.2.0"
    assert len(project.lock["tools"]["beta"]["1.2.0"]["artifacts"]) > 1

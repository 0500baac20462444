"""The commands of the README, typed in its order, print what it shows."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from support.registries.documented_packages import publish_prettier, publish_ruff

README = Path(__file__).parents[3] / "README.md"

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the README shows a POSIX shell"),
    pytest.mark.skipif(not README.is_file(), reason="an installed package has no documentation beside it"),
]


@pytest.fixture
def reader(sandbox):
    """Return a sandbox with the registries that the README uses, and a node on PATH."""
    sandbox.variables |= publish_ruff(sandbox.server, "0.14.14", "0.15.22")
    sandbox.variables |= publish_prettier(sandbox.server, "3.10.1")
    programs = sandbox.root / "programs"
    programs.mkdir()
    node = programs / "node"
    node.write_text("#!/bin/sh\necho 3.10.1\n")
    node.chmod(0o755)
    path = sandbox.environment["PATH"].split(os.pathsep)
    sandbox.variables["PATH"] = os.pathsep.join([path[0], str(programs), *path[1:]])
    return sandbox


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def type_line(reader, line):
    """Run a line in the shell of the README's reader; return the exit code and the lines of its output."""
    result = reader.command(["sh", "-c", line])
    return result.code, (result.out + result.err).splitlines()


def test_the_quick_start_installs_and_runs_a_tool(reader):
    (block,) = [block for block in blocks("sh") if "envmgr use pypi:ruff" in block]
    results = [type_line(reader, line) for line in block.splitlines()]
    assert [code for code, _ in results] == [0] * len(results), results
    assert results[-1][1] == ["ruff 0.14.14"]
    assert (reader.project / ".envmgr.lock").is_file()


def test_the_features_print_what_is_shown(reader):
    for line in ("envmgr use pypi:ruff '^0.14'", "envmgr use npm:prettier 3"):
        assert type_line(reader, line)[0] == 0
    session = "".join(blocks("console")).partition("$ envmgr alm")[0]
    checked = []
    for step in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        line, _, documented = step.partition("\n")
        if line == "cat .envmgr":
            (reader.project / ".envmgr").write_text(documented)
        code, output = type_line(reader, line)
        assert code in ({127} if "error:" in documented else {0}), (line, output)
        assert [item for item in stable_lines(documented.splitlines()) if item not in output] == [], output
        checked.append(line)
    assert {"envmgr install", "envmgr list", "envmgr why pypi:ruff", "envmgr lock --check"} <= {*checked}


def stable_lines(lines):
    """Return the lines that are the same on every machine: no sizes, times, other files or real releases."""
    varying = re.compile(r"MiB| s$|\.envmgr$|/home/you|matching|installed  ")
    return [line for line in lines if not varying.search(line)]

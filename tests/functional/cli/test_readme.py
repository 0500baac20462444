"""The commands of the README, typed in its order, print what it shows."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from hashlib import sha256, sha512
from pathlib import Path

import pytest

from support.archives import archive_builder
from support.registries.package_registries import packument, simple_json

README = Path(__file__).parents[3] / "README.md"
WHEEL_PLATFORMS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx_10_12_x86_64",
    "macosx_11_0_arm64",
    "win_amd64",
    "win_arm64",
)

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the README shows a POSIX shell"),
    pytest.mark.skipif(not README.is_file(), reason="an installed package has no documentation beside it"),
]


def publish_ruff(server, *versions):
    """Serve wheels of every platform; return the variables that let pip's index be this one."""
    files = []
    for version in versions:
        script = f"#!/bin/sh\necho ruff {version}\n".encode()
        content = archive_builder.zipped({f"ruff-{version}.data/scripts/ruff": script})
        for platform in WHEEL_PLATFORMS:
            name = f"ruff-{version}-py3-none-{platform}.whl"
            url = server.add(f"/files/{name}", content)
            files.append({"filename": name, "url": url, "hashes": {"sha256": sha256(content).hexdigest()}})
    index = simple_json(server, "ruff", files)
    return {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index}


def publish_prettier(server, version):
    """Serve a package with a script for node; return the variables that let npm's registry be this one."""
    content = archive_builder.tar({"package/prettier.cjs": b"#!/usr/bin/env node\n"})
    integrity = f"sha512-{b64encode(sha512(content).digest()).decode()}"
    dist = {"tarball": server.add("/prettier.tgz", content), "integrity": integrity}
    fields = {"version": version, "bin": {"prettier": "prettier.cjs"}, "dist": dist}
    return {"NPM_CONFIG_REGISTRY": packument(server, "prettier", fields)}


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

"""The dev container feature: its script, run below another root, and its commands."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envmgr import __version__

CHECKOUT = Path(__file__).parents[3]
FEATURE = CHECKOUT / "integrations" / "devcontainer" / "envmgr"
DECLARATION = json.loads((FEATURE / "devcontainer-feature.json").read_text())

pytestmark = pytest.mark.skipif(os.name == "nt", reason="dev containers run Linux")


@pytest.fixture(scope="module")
def container(machine):
    """Return the root of a container in which the feature was installed, with a wheel beside its script."""
    feature = machine.root / "feature"
    shutil.copytree(FEATURE, feature)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", feature]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    root = machine.root / "container"
    (root / "home" / "ada").mkdir(parents=True)
    environment = {
        "DESTDIR": str(root),
        "PACKAGE": "",
        "_REMOTE_USER": getpass.getuser(),
        "_REMOTE_USER_HOME": "/home/ada",
    }
    result = machine.command([str(feature / "install.sh")], env=environment)
    assert result.code == 0, result
    return root


def test_the_command_of_the_feature_installs_the_tools_of_the_project(machine, container):
    declared = {
        name: value.replace("/var", f"{container}/var") for name, value in DECLARATION["containerEnv"].items()
    }
    path = declared["PATH"].replace("${PATH}", f"{container}/usr/local/bin:/usr/bin:/bin")
    script = f"{DECLARATION['postCreateCommand']}\ncommand -v envmgr; command -v ruff; ruff --version"
    result = machine.command(["sh", "-e", "-c", script], env={**declared, "PATH": path})
    assert (result.code, result.out.splitlines()[-3:]) == (
        0,
        [f"{container}/usr/local/bin/envmgr", f"{container}/var/lib/envmgr/shims/ruff", "ruff 0.14.14"],
    ), result


def test_the_tools_are_below_the_home_of_the_user(container):
    """Only the home follows the user to another UID."""
    tools = (container / "var" / "lib" / "envmgr").resolve()
    home = container.resolve() / "home" / "ada"
    assert (tools, tools.is_dir()) == (home / ".local" / "share" / "envmgr", True)
    for directory in (tools, *tools.parents[:2]):
        assert directory.owner() == getpass.getuser()


def test_a_project_without_lock_needs_no_tools(tmp_path):
    command = ["/bin/sh", "-e", "-c", DECLARATION["postCreateCommand"]]
    assert subprocess.run(command, cwd=tmp_path, env={"PATH": "/nowhere"}, check=False).returncode == 0


@pytest.mark.parametrize(
    ("variables", "message"),
    [({}, "no package"), ({"PACKAGE": "a.whl"}, "Python 3.11 or newer with pip not found")],
)
def test_what_is_missing_is_reported_with_a_remedy(variables, message, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "dirname").symlink_to(shutil.which("dirname"))
    result = subprocess.run(
        ["/bin/sh", FEATURE / "install.sh"],
        env={"PATH": str(programs), "DESTDIR": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: cannot install envmgr: {message}\nhint: ")


def test_the_declaration_has_what_the_specification_requires():
    assert (DECLARATION["id"], DECLARATION["version"]) == (FEATURE.name, __version__)
    script = (FEATURE / "install.sh").read_text()
    for name, option in DECLARATION["options"].items():
        assert option.keys() == {"type", "default", "description"}
        assert re.search(rf"\$\{{{name.upper()}:-", script)

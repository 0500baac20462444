"""What is shipped is whole: the wheel runs by itself."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked_wheel(tmp_path_factory):
    """Build the wheel from the checkout, and unpack it as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(site: Path, *arguments: str) -> str:
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from envmgr.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(site), *arguments],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_built_in_manifests_are_in_the_wheel(unpacked_wheel):
    document = json.loads(run(unpacked_wheel, "plugin", "list", "--json"))
    shipped = {entry["name"]: entry["origin"] for entry in document["plugins"]}
    assert set(shipped) == {path.stem for path in (CHECKOUT / "plugins").glob("*.json")} - {"plugin.schema"}
    assert all(origin.startswith(str(unpacked_wheel)) for origin in shipped.values())


def test_the_shims_and_the_schema_are_in_the_wheel(unpacked_wheel):
    data = unpacked_wheel / "envmgr" / "_data"
    assert (data / "plugins" / "plugin.schema.json").is_file()
    assert (data / "shims" / "posix.sh").read_text().startswith("#!/bin/sh")
    assert (data / "shims" / "windows.bat").is_file()


def test_the_program_runs_from_the_wheel(unpacked_wheel):
    assert run(unpacked_wheel, "--version").startswith("envmgr ")
    assert "nothing is installed" in run(unpacked_wheel, "list")

"""The built distribution is complete, and its wheel runs on its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from envmgr import __version__
from envmgr.shells import shim_marker
from support.machine import windows_machine

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Build and check the sdist and the wheel of the checkout, as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(CHECKOUT / "scripts" / "build_dist.py"), "--output", str(folder)]
    command += ["--zig", str(windows_machine.zig())] if windows_machine.HAS_ZIG else []
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def unpacked_wheel(dist, tmp_path_factory):
    """Unpack the wheel as an installer would."""
    (wheel,) = dist.glob("*.whl")
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def committed_files(*paths: str) -> set[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths]
    listing = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return {name for name in listing.split("\0") if name and (CHECKOUT / name).is_file()}


def test_the_wheel_contains_only_the_package_and_its_data(dist):
    (wheel,) = dist.glob(f"envmgr_toolchain-{__version__}-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name.removeprefix("src/") for name in committed_files("src/envmgr")}
    shims = {f"shims/windows-{arch}.exe" for arch in ("x64", "arm64")} if windows_machine.HAS_ZIG else set()
    data = {f"envmgr/_data/{name}" for name in committed_files("plugins", "shims") | shims}
    info = f"envmgr_toolchain-{__version__}.dist-info"
    about = {
        f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert names == package | data | about


def test_the_sdist_contains_the_sources_of_the_wheel(dist):
    (sdist,) = dist.glob(f"envmgr_toolchain-{__version__}.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    about = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}
    script = "scripts/build_windows_shims.py"
    assert names == committed_files("src", "proto", "plugins", "shims", script) | about


def run(site: Path, *arguments: str) -> str:
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from envmgr.cli.main import main; sys.exit(main())"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", program, str(site), *arguments],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


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


@windows_machine.needs_zig
@pytest.mark.parametrize(("arch", "machine"), [("x64", 0x8664), ("arm64", 0xAA64)])
def test_the_shims_that_are_programs_are_in_the_wheel(unpacked_wheel, arch, machine):
    path = unpacked_wheel / "envmgr" / "_data" / "shims" / f"windows-{arch}.exe"
    program = path.read_bytes()
    header = int.from_bytes(program[0x3C:0x40], "little")
    assert program[header : header + 4] == b"PE\0\0"
    assert int.from_bytes(program[header + 4 : header + 6], "little") == machine
    assert shim_marker.is_shim(str(path))


def test_the_program_runs_from_the_wheel(unpacked_wheel):
    assert run(unpacked_wheel, "--version").startswith("envmgr ")
    assert "no tools installed" in run(unpacked_wheel, "list")

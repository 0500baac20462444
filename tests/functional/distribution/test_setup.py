"""Set-up of a checkout against an index that offers newer releases than the pinned ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.http.fault_server import Server
from support.registries.newer_index import NEWER, newer_release, serve_index, settings_of_pip

pytestmark = [
    pytest.mark.registries,
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="make and its recipe are POSIX"),
]

CHECKOUT = Path(__file__).parents[3]
PINS = CHECKOUT / "requirements" / "dev.txt"
OLD_PIP = "23.2"
"""It refuses `coverage[toml]` where the index has a newer coverage; Python 3.11.5 and 3.12.0 ship it."""
FIRST_PIP = "22.3" if sys.version_info < (3, 12) else OLD_PIP
"""That of the first supported Python; 22.3 needs distutils."""


def pinned_versions() -> dict[str, str]:
    """Return the version of every project that the pins name for this machine."""
    entries = re.findall(r"(?m)^[a-z0-9][^\\\n]*", PINS.read_text())
    pins = [Requirement(entry) for entry in entries]
    return {
        pin.name: str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    """Return a function that downloads files from the registry this machine's pip is configured for."""

    def run(*arguments: str) -> list[Path]:
        folder = tmp_path_factory.mktemp("wheels")
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "-d", str(folder), *arguments], check=True, timeout=240)
        return sorted(folder.iterdir())

    return run


@pytest.fixture(scope="module")
def index(download, tmp_path_factory):
    """Serve the pinned files and a newer release of every one of their projects."""
    pinned = download("--require-hashes", "-r", str(PINS))
    newer_folder = tmp_path_factory.mktemp("newer")
    newer = [newer_release(wheel, newer_folder) for wheel in pinned]
    assert len(newer) == len(pinned) == len(pinned_versions())
    with Server() as server:
        yield server, serve_index(server, [*pinned, *newer])


def python_with_pip(folder: Path, wheel: Path) -> Path:
    """Create a `python3` whose virtual environments begin with another pip."""
    script = folder / "python3"
    script.write_text(
        "#!/bin/sh\n"
        f'"{sys.executable}" "$@" || exit\n'
        'if [ "$1 $2" = "-m venv" ]; then\n'
        '  for venv in "$@"; do :; done\n'
        f'  "$venv/bin/python" -m pip install -qq --no-index --no-deps "{wheel}"\n'
        "fi\n"
    )
    script.chmod(0o755)
    return script


def pip_of(venv: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [str(venv / "bin" / "python"), "-m", "pip", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, **options)


def pip_wheel(download, version: str) -> Path:
    (wheel,) = download(f"pip=={version}")
    return wheel


@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", [FIRST_PIP, pytest.param(pinned_versions()["pip"], id="newest")])
def test_the_set_up_installs_pinned_files_despite_newer_releases(version, index, download, tmp_path):
    server, url = index
    venv = tmp_path / "venv"
    python = python_with_pip(tmp_path, pip_wheel(download, version))
    before = len(server.requests)
    result = subprocess.run(
        ["make", f"VENV={venv}", f"PYTHON={python}", f"{venv}/.ready"],
        cwd=CHECKOUT,
        env=settings_of_pip(url),
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert result.returncode == 0, result.stderr
    fetched = [path for path in server.paths[before:] if path.startswith("/files/")]
    assert not [path for path in fetched if NEWER in path]
    assert len(fetched) >= len(pinned_versions()) - 1  # pip itself may be there already
    listing = json.loads(pip_of(venv, "list", "--format=json").stdout)
    installed = {canonicalize_name(entry["name"]): entry["version"] for entry in listing}
    assert {name: installed.get(name) for name in pinned_versions()} == pinned_versions()


@pytest.mark.timeout(600)
def test_a_set_up_that_resolves_fails_against_this_index(index, download, tmp_path):
    venv = tmp_path / "venv"
    python = python_with_pip(tmp_path, pip_wheel(download, OLD_PIP))
    subprocess.run([str(python), "-m", "venv", str(venv)], check=True, env=settings_of_pip(index[1]))
    result = pip_of(
        venv, "install", "--dry-run", "--require-hashes", "-r", str(PINS), env=settings_of_pip(index[1])
    )
    assert result.returncode != 0
    assert "coverage[toml]" in result.stderr

"""Programs to compare with: installed into the benchmark's directory, or of this machine."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from report.rows import ASDF, MISE, PYENV, UV
from support.client import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUIREMENTS = os.path.join(CHECKOUT, "requirements", "peers")
_VERSION = re.compile(r"\d+(?:\.\d+)+")


class PeerMissing(Exception):
    """A peer that cannot be had here, with the reason."""


class Peers(NamedTuple):
    """Programs by name, their versions, and the reasons for those that are missing."""

    programs: Mapping[str, str]
    versions: Mapping[str, str]
    unavailable: Mapping[str, str]


def find_peers(cache: str, asdf: str | None) -> Peers:
    """Install or find each peer."""
    finders: dict[str, Callable[[], str]] = {
        MISE: lambda: _install_mise(cache),
        ASDF: lambda: _find_asdf(asdf),
        PYENV: _find_pyenv,
        UV: lambda: _install_uv(cache),
    }
    programs, unavailable = {}, {}
    for name, find in finders.items():
        try:
            programs[name] = find()
        except PeerMissing as error:
            unavailable[name] = str(error)
    return Peers(programs, {name: _version(path) for name, path in programs.items()}, unavailable)


def _install_mise(cache: str) -> str:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise PeerMissing("its package is pinned for Linux on x86-64 only")
    directory = os.path.join(cache, f"mise-{_digest('package-lock.json')}")
    program = os.path.join(directory, "node_modules", "@jdxcode", "mise-linux-x64", "bin", "mise")
    if not os.path.exists(program):
        npm = shutil.which("npm")
        if not npm:
            raise PeerMissing("npm is not installed")
        os.makedirs(directory, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(REQUIREMENTS, name), directory)
        _install(
            [npm, "ci", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        )
    return program


def _install_uv(cache: str) -> str:
    directory = os.path.join(cache, f"uv-{_digest('peers.txt')}")
    program = os.path.join(directory, "bin", "uv")
    if not os.path.exists(program):
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--require-hashes", "--no-deps"]
        source = ["-r", os.path.join(REQUIREMENTS, "peers.txt")]
        _install([*pip, "--only-binary", ":all:", "--target", directory, *source])
    return program


def _install(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        raise PeerMissing(f"{os.path.basename(command[0])} failed: {lines[-1]}")


def _digest(name: str) -> str:
    with open(os.path.join(REQUIREMENTS, name), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _find_asdf(directory: str | None) -> str:
    """Return the program of a checkout (`bin/asdf` up to 0.15), else the one on PATH."""
    if not directory:
        program = shutil.which("asdf")
        if not program:
            raise PeerMissing("not on PATH; --asdf DIR names a checkout")
        return program
    program = os.path.join(os.path.abspath(directory), "bin", "asdf")
    if not os.access(program, os.X_OK):
        raise PeerMissing(f"{program} is not a program")
    return program


def _find_pyenv() -> str:
    program = shutil.which("pyenv")
    if not program:
        raise PeerMissing("not on PATH; the package index has no release of it")
    return os.path.realpath(program)


def _version(program: str) -> str:
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = _VERSION.search(result.stdout)
    return match[0] if match else ""

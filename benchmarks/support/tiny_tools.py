"""Tools of one tiny program each, and their archives and lists on a local server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, NamedTuple

from support.throttled_server import Line, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "9.9.7"
"""The newest of the 800 in the list."""
VERSIONS = tuple(
    f"{major}.{minor}.{patch}" for major in range(10) for minor in range(10) for patch in range(8)
)


class ToolSource(NamedTuple):
    """A server of tools: its URL, and the program that each has."""

    base: str
    program: str


class Project(NamedTuple):
    """A directory, and the names of the tools that it requests."""

    directory: str
    tools: tuple[str, ...]


def tool_names(count: int) -> tuple[str, ...]:
    """Return names of tools; the first one's list has 800 versions."""
    return tuple(f"tool{number}" for number in range(count))


@contextlib.contextmanager
def serve_tools(root: str, count: int) -> Iterator[ToolSource]:
    """Build, pack and serve tools."""
    pages = os.path.join(root, "pages")
    os.makedirs(pages)
    program = build_program(root)
    sums = [f"{_pack(pages, name, program)}  {name}.tar.gz\n" for name in tool_names(count)]
    write_text(os.path.join(pages, "SHA256SUMS"), "".join(sums))
    write_text(os.path.join(pages, "one.json"), json.dumps([VERSION]))
    write_text(os.path.join(pages, "many.json"), json.dumps(VERSIONS))
    with serve(pages, Line()) as base:
        yield ToolSource(base, program)


def _pack(pages: str, name: str, program: str) -> str:
    """Return the digest of a tool's archive."""
    path = os.path.join(pages, f"{name}.tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(program, f"{name}/bin/{name}")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_program(root: str) -> str:
    """Return the smallest program that can be built here."""
    source, program = os.path.join(root, "tiny.c"), os.path.join(root, "tiny")
    write_text(source, "int main(void) { return 0; }\n")
    compiler = shutil.which("cc")
    if compiler:
        compile_static = [compiler, "-O2", "-s", "-static", "-o", program, source]
        if subprocess.run(compile_static, check=False, capture_output=True).returncode == 0:
            return program
    return shutil.which("true") or "/bin/true"


def write_text(path: str, text: str, mode: int = 0o644) -> None:
    """Write a file of a tree, and its directories."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)

"""Build of the shims for Windows that are programs, with Zig: `make dist` adds them to the wheel.

The files are the same on every machine: nothing of it, nor of the time, is in them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = {"x64": "x86_64-windows-gnu", "arm64": "aarch64-windows-gnu"}
"""Zig's names of the architectures."""
FLAGS = (
    *("-Os", "-s", "-Wall", "-Wextra", "-Werror"),
    *("-nostdlib", "-fno-builtin", "-fno-stack-protector", "-fno-sanitize=all"),
    *("-Wl,-e,start", "-Wl,--subsystem,console", "-lkernel32"),
)
_DOS_MESSAGE = b"This program cannot be run in DOS mode.$"
_MARKER = b"envmgr shim (not for DOS)$"


def main() -> None:
    """Build a shim for each architecture beside its source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zig", type=Path, required=True, help="compiler")
    parser.add_argument("source", type=Path, help="windows.c")
    arguments = parser.parse_args()
    for arch in TARGETS:
        output = arguments.source.with_name(f"windows-{arch}.exe")
        compile_program(arguments.zig, arguments.source, output, arch)
        output.write_bytes(mark(output.read_bytes()))


def compile_program(zig: Path, source: Path, output: Path, arch: str = "x64") -> None:
    """Compile a program that uses no C library; exit with the compiler's message if that fails."""
    headers = zig.parent / "lib" / "libc" / "include" / "any-windows-any"
    with tempfile.TemporaryDirectory() as cache:
        command = [str(zig), "cc", "-target", TARGETS[arch], "-isystem", str(headers)]
        result = subprocess.run(
            [*command, source.name, *FLAGS, "-o", str(output.absolute())],
            cwd=source.parent,
            env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache},
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        sys.exit(f"error: cannot compile {source}: {result.stderr}")


def mark(program: bytes) -> bytes:
    """Return a program with the mark of shims, in place of what it would print under DOS."""
    if program.count(_DOS_MESSAGE) != 1:
        sys.exit("error: cannot mark the shim: it has no message for DOS")
    return program.replace(_DOS_MESSAGE, _MARKER.ljust(len(_DOS_MESSAGE), b"\0"))


if __name__ == "__main__":
    main()

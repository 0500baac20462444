"""Description of the machine and the version that a benchmark measures."""

from __future__ import annotations

import os
import platform
import subprocess

from support.client import CHECKOUT

MEMORY_DIRECTORY = "/dev/shm"


def describe_machine(directory: str) -> dict[str, str]:
    """Return the processors, the system, Python, and where archives were unpacked, as people read them."""
    return {
        "processors": f"{os.cpu_count()} x {_processor()}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"Python {platform.python_version()}",
        "directory": "unpacked in memory" if directory.startswith(MEMORY_DIRECTORY) else "unpacked on disk",
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def describe_version(program: str) -> str:
    """Return the version of envmgr, and the commit of the checkout."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    commit = subprocess.run(
        ["git", "-C", CHECKOUT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return " ".join([version.stdout.split()[-1], *([f"({commit.stdout.strip()})"] if commit.stdout else [])])

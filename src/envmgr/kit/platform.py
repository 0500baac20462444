"""Platforms: operating system, architecture and C library."""

from __future__ import annotations

import os
import sys

from envmgr.kit.errors import ConfigError
from envmgr.kit.frozen import frozen

OPERATING_SYSTEMS = ("linux", "macos", "windows")
ARCHITECTURES = ("x64", "arm64", "x86", "armv7", "ppc64le", "s390x", "riscv64")

_MACHINES = {
    "x86_64": "x64",
    "amd64": "x64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "i386": "x86",
    "i686": "x86",
    "x86": "x86",
    "armv7l": "armv7",
    "armv8l": "armv7",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


@frozen
class Platform:
    """A target platform; `libc` is "gnu" or "musl" on Linux, else empty."""

    os: str
    arch: str
    libc: str = ""

    @property
    def key(self) -> str:
        """Return the key in locks: `linux-x64`, `linux-x64-musl`, `macos-arm64`."""
        return f"{self.os}-{self.arch}-musl" if self.libc == "musl" else f"{self.os}-{self.arch}"

    @property
    def is_windows(self) -> bool:
        """Return whether the operating system is Windows."""
        return self.os == "windows"


def parse(key: str) -> Platform:
    """Parse a platform such as `linux-x64-musl`; raise ConfigError if invalid."""
    system, _, machine = key.partition("-")
    arch, _, libc = machine.partition("-")
    is_known = system in OPERATING_SYSTEMS and arch in ARCHITECTURES
    if not is_known or libc not in {"", "gnu", "musl"} or (libc and system != "linux"):
        raise ConfigError(
            f"invalid platform {key!r}",
            f"use OS-ARCH ({'|'.join(OPERATING_SYSTEMS)}, {'|'.join(ARCHITECTURES)}), "
            "for example linux-x64 or linux-x64-musl",
        )
    return Platform(system, arch, (libc or "gnu") if system == "linux" else "")


DEFAULT_PLATFORMS = tuple(
    parse(key)
    for key in (
        "linux-x64",
        "linux-arm64",
        "linux-x64-musl",
        "linux-arm64-musl",
        "macos-x64",
        "macos-arm64",
        "windows-x64",
        "windows-arm64",
    )
)


def current() -> Platform:
    """Return the platform this process runs on."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
    return Platform(system, _architecture(), _libc() if system == "linux" else "")


def _architecture() -> str:
    if sys.platform == "win32":
        import platform

        machine = platform.machine()
    else:
        machine = os.uname().machine
    return _MACHINES.get(machine.lower(), machine.lower())


def _libc() -> str:
    """Return the libc: by a call that only glibc has, or by the loader for a static Python."""
    try:
        if os.confstr("CS_GNU_LIBC_VERSION"):
            return "gnu"
    except (ValueError, OSError):
        pass
    return "musl" if _has_musl_loader() else "gnu"


def _has_musl_loader() -> bool:
    try:
        return any(name.startswith("ld-musl-") for name in os.listdir("/lib"))
    except OSError:
        return False

"""Selection of the wheel for a platform (PEP 425, PEP 600, PEP 656).

A lock is made on one machine for all machines of a kind, so of several that fit, the wheel with the lowest
demand on the system (glibc, musl or macOS version) is taken, not the highest that this machine meets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.kit.platform import Platform

_MACHINES: dict[str, dict[str, tuple[str, ...]]] = {
    "linux": {
        "x64": ("x86_64",),
        "arm64": ("aarch64",),
        "x86": ("i686",),
        "armv7": ("armv7l",),
        "ppc64le": ("ppc64le",),
        "s390x": ("s390x",),
        "riscv64": ("riscv64",),
    },
    "macos": {"x64": ("x86_64", "universal2", "intel", "universal"), "arm64": ("arm64", "universal2")},
    "windows": {"x64": ("amd64",), "arm64": ("arm64",)},
}
_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_UNSPOKEN = (99, 0)  # `linux_x86_64` does not name the C library: the last resort
_VERSIONED = re.compile(r"(manylinux|musllinux|macosx)_(\d{1,4})_(\d{1,4})_(\w+)")

Rank = tuple[object, ...]


@frozen
class Wheel:
    """A wheel's file name in parts; the tags are compressed sets."""

    file: str
    project: str
    version: str
    build: str
    pythons: str
    abis: str
    platforms: str

    @property
    def can_hold_programs(self) -> bool:
        """Return whether a wheel has programs: for every platform, or compiled against one Python."""
        return self.platforms != "any" and "none" in self.abis.split(".")


def parse(file: str) -> Wheel | None:
    """Read a wheel's file name (PEP 427); None for anything else."""
    parts = file.removesuffix(".whl").split("-")
    if not file.endswith(".whl") or len(parts) not in {5, 6} or not all(parts):
        return None
    build = parts[2] if len(parts) == 6 else ""  # noqa: PLR2004 - with the optional build tag
    return Wheel(file, normal(parts[0]), parts[1], build, *parts[-3:])


def normal(project: str) -> str:
    """Return a project's normalized name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()


def best(wheels: Iterable[Wheel], platform: Platform) -> Wheel | None:
    """Return the wheel that serves a platform best; None when none does."""
    ranked = [(rank, wheel) for wheel in wheels if (rank := _rank(wheel, platform)) is not None]
    return min(ranked, key=lambda pair: (pair[0], pair[1].file))[1] if ranked else None


def _rank(wheel: Wheel, platform: Platform) -> Rank | None:
    floors = [floor for tag in wheel.platforms.split(".") if (floor := _floor(tag, platform)) is not None]
    return (*min(floors), *_newest_build(wheel)) if floors else None


def _newest_build(wheel: Wheel) -> tuple[int, str]:
    number = re.match(r"\d{1,18}", wheel.build)
    return (-int(number[0]) if number else 1, wheel.build)


def _floor(tag: str, platform: Platform) -> tuple[int, tuple[int, int]] | None:
    """Return how roundabout a tag serves a platform, and the system version it needs; None if it does not."""
    if platform.os == "windows":
        return _windows_floor(tag, platform.arch)
    family, version, machine = _read(tag)
    machines = _MACHINES[platform.os].get(platform.arch, ())
    if family != _family(platform) or machine not in machines:
        return None
    return machines.index(machine), version


def _windows_floor(tag: str, arch: str) -> tuple[int, tuple[int, int]] | None:
    platform_tag = "win32" if arch == "x86" else f"win_{_MACHINES['windows'].get(arch, ('',))[0]}"
    return (0, (0, 0)) if tag == platform_tag else None


def _family(platform: Platform) -> str:
    if platform.os == "macos":
        return "macosx"
    return "musllinux" if platform.libc == "musl" else "manylinux"


def _read(tag: str) -> tuple[str, tuple[int, int], str]:
    match = _VERSIONED.fullmatch(tag)
    if match:
        return match[1], (int(match[2]), int(match[3])), match[4]
    name, _, machine = tag.partition("_")
    return "manylinux", _LEGACY.get(name, _UNSPOKEN), machine if name in {*_LEGACY, "linux"} else ""

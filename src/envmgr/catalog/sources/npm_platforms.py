"""Selection of a package's platform package.

Programs reach npm as one small package that names a package for each platform among its `optionalDependencies`
(`@esbuild/linux-x64`). Their `os`, `cpu` and `libc` fields state the platform; their names usually do, too, which
saves requesting twenty of them to find one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.kit.platform import Platform

OS = {"linux": "linux", "macos": "darwin", "windows": "win32"}
CPU = {
    "x64": "x64",
    "arm64": "arm64",
    "x86": "ia32",
    "armv7": "arm",
    "ppc64le": "ppc64",
    "s390x": "s390x",
    "riscv64": "riscv64",
}
"""Our words for platforms, and npm's (those of `process.platform` and `process.arch`)."""

_OS_WORDS = {
    "linux": ("linux",),
    "macos": ("darwin", "macos", "osx", "mac"),
    "windows": ("win32", "windows", "win"),
    "": ("freebsd", "netbsd", "openbsd", "android", "aix", "sunos", "openharmony"),
}
_CPU_WORDS = {
    "x64": ("x64", "amd64", "64", "x8664"),
    "arm64": ("arm64", "aarch64"),
    "x86": ("ia32", "x86", "i686", "32"),
    "armv7": ("arm", "armv7", "armv7l"),
    "ppc64le": ("ppc64", "ppc64le"),
    "s390x": ("s390x",),
    "riscv64": ("riscv64",),
    "": ("loong64", "mips64el", "wasm32", "armv6", "ppc"),
}
_MUSL, _GLIBC = {"musl", "musleabihf"}, {"gnu", "glibc", "gnueabihf"}


def of_platforms(packages: Iterable[str]) -> tuple[str, ...]:
    """Return the packages whose name mentions an operating system."""
    every = {word for words in _OS_WORDS.values() for word in words}
    return tuple(package for package in packages if every & _words(package))


def candidates(packages: Iterable[str], platform: Platform) -> tuple[str, ...]:
    """Return the packages that may fit a platform, the likeliest first."""
    fitting = [package for package in packages if _can_serve(_words(package), platform)]
    return tuple(sorted(fitting, key=lambda package: _likelihood(package, platform)))


def is_for_platform(document: Mapping[str, object], package: str, platform: Platform) -> bool:
    """Return whether a package's own fields allow a platform."""
    return (
        _is_allowed(document.get("os"), OS[platform.os])
        and _is_allowed(document.get("cpu"), CPU.get(platform.arch, platform.arch))
        and _is_libc_compatible(document.get("libc"), package, platform)
    )


def _words(package: str) -> frozenset[str]:
    """Split a name into words; the scope belongs to the publisher."""
    return frozenset(re.split(r"[-_./]", package.rpartition("/")[2].lower().replace("x86_64", "x8664")))


def _can_serve(words: frozenset[str], platform: Platform) -> bool:
    of_cpu = {cpu for cpu, formatted in _CPU_WORDS.items() if words & set(formatted)}
    is_of_os = bool(words & set(_OS_WORDS[platform.os]))
    return is_of_os and (not of_cpu or platform.arch in of_cpu) and not _is_of_other_libc(words, platform)


def _is_of_other_libc(words: frozenset[str], platform: Platform) -> bool:
    return bool(words & _GLIBC) and not words & _MUSL if platform.libc == "musl" else bool(words & _MUSL)


def _likelihood(package: str, platform: Platform) -> tuple[bool, bool, int, str]:
    words = _words(package)
    names_libc = bool(words & (_MUSL if platform.libc == "musl" else _GLIBC))
    names_cpu = bool(words & set(_CPU_WORDS.get(platform.arch, ())))
    return (not names_libc, not names_cpu, len(words), package)


def _is_libc_compatible(field: object, package: str, platform: Platform) -> bool:
    if platform.os != "linux":
        return True
    if field:
        return _is_allowed(field, "musl" if platform.libc == "musl" else "glibc")
    return not _is_of_other_libc(_words(package), platform)


def _is_allowed(field: object, word: str) -> bool:
    """Read npm's `os`, `cpu` and `libc`: names, or names not to be with a `!`; none allows all."""
    names = [field] if isinstance(field, str) else list(field) if isinstance(field, (list, tuple)) else []
    included = [name for name in names if not name.startswith("!")]
    return f"!{word}" not in names and (not included or word in included or "any" in included)

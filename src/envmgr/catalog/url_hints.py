"""Hints in URLs: the platform and the format of an archive."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envmgr.kit.platform import Platform

FORMATS = {
    ".tar.gz": "tar.gz", ".tgz": "tar.gz", ".tar.xz": "tar.xz", ".txz": "tar.xz", ".tar.bz2": "tar.bz2",
    ".tbz": "tar.bz2", ".tbz2": "tar.bz2", ".tar.zst": "tar.zst", ".tzst": "tar.zst", ".tar": "tar", ".zip": "zip",
    ".whl": "whl", ".gz": "gz", ".xz": "xz", ".zst": "zst",
}  # fmt: skip
"""Formats by what a file's name ends in; anything else is the program itself (`raw`)."""

SINGLE_FILE = frozenset({"raw", "gz", "xz", "zst"})
"""Formats that hold one program and no names."""

_OS = {
    "linux": "linux",
    "macos": r"macos\d*|darwin\d*|osx|mac|apple",
    "windows": r"windows|win|win32|win64|msvc",
}
_ARCH = {
    "x64": "x64|amd64|x86_64|x86-64|64bit|win64",
    "arm64": "arm64|aarch64|armv8",
    "x86": "x86(?![_-]64)|386|i386|i686|win32|32bit",
    "armv7": "armv7l?|armv7hf|armhf",
    "ppc64le": "ppc64le|powerpc64le",
    "s390x": "s390x",
    "riscv64": "riscv64|riscv64gc",
}
_LIBC = {"musl": "musl|musleabihf|alpine|static"}


def format_of(url: str) -> str:
    """Return an archive's format by its URL or file name."""
    name = url.partition("?")[0].partition("#")[0].lower()
    return next((kind for ending, kind in FORMATS.items() if name.endswith(ending)), "raw")


def os_words(text: str) -> frozenset[str]:
    """Return the operating systems that a URL or file name mentions."""
    return _words_in(_OS, text)


def arch_words(text: str) -> frozenset[str]:
    """Return the processors that a URL or file name mentions."""
    return _words_in(_ARCH, text)


def libc_words(text: str) -> frozenset[str]:
    """Return the C libraries that a URL or file name mentions; a static program runs on musl, too."""
    return _words_in(_LIBC, text)


def url_matches_platform(url: str, platform: Platform) -> bool:
    """Return whether a URL without placeholders is for this platform.

    A URL without any platform's words (a script, a .jar) is for all of them, so that a lock made on one platform
    says the same as one made on another. Linux without a word on the C library means glibc.
    """
    systems, processors = os_words(url), arch_words(url)
    if (systems and platform.os not in systems) or (processors and platform.arch not in processors):
        return False
    return platform.libc != "musl" or "linux" not in systems or "musl" in libc_words(url)


def _words_in(words: dict[str, str], text: str) -> frozenset[str]:
    return frozenset(name for name, pattern in words.items() if _word(pattern).search(text.lower()))


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")

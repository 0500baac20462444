"""Hints in URLs: the platform and the format of an archive."""

from __future__ import annotations

import re
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.kit.platform import Platform

FORMATS = {
    ".tar.gz": "tar.gz", ".tgz": "tar.gz", ".tar.xz": "tar.xz", ".txz": "tar.xz", ".tar.bz2": "tar.bz2",
    ".tbz": "tar.bz2", ".tbz2": "tar.bz2", ".tar.zst": "tar.zst", ".tzst": "tar.zst", ".tar": "tar", ".zip": "zip",
    ".whl": "whl", ".gz": "gz", ".xz": "xz", ".zst": "zst", ".bz2": "bz2",
}  # fmt: skip
"""Formats by what a file's name ends in; anything else is the program itself (`raw`)."""

SINGLE_FILE = frozenset({"raw", "gz", "xz", "zst", "bz2"})
"""Formats of a single program without a name."""

_OS = {
    "linux": r"linux(?:32|64)?",
    "macos": r"macosx?\d*|darwin\d*|osx\d*|mac(?:32|64)?|apple",
    "windows": r"windows(?:32|64)?|win(?:32|64|arm64)?|msvc",
    "android": r"android(?:eabi)?\d*",
    "ohos": "ohos|openharmony|harmonyos",
    "ios": "ios|tvos|watchos|visionos|xros|maccatalyst|macabi",
    "freebsd": r"k?freebsd\d*",
    "netbsd": r"netbsd\d*",
    "openbsd": r"openbsd\d*",
    "dragonfly": "dragonfly(?:bsd)?",
    "solaris": "solaris|sunos|illumos|omnios",
    "aix": "aix",
    "plan9": "plan9",
    "haiku": "haiku",
    "fuchsia": "fuchsia",
    "hurd": "hurd",
    "redox": "redox",
    "qnx": "qnx|nto",
    "wasi": r"wasi(?:p\d)?|emscripten|wasix",
    "cygwin": r"cygwin\d*|msys\d*",
    "uefi": "uefi|efi",
}
_LINUX_KERNELS = frozenset({"android", "ohos"})
"""Systems with Linux as kernel, whose names follow `linux`, and on which no other Linux program runs."""
_ARCH = {
    "x64": "x64|x86[_-]?64|amd[_-]?64|amd|intel[_-]?64|intel",
    "arm64": "arm[_-]?64(?:[_-]?bit|v8|e)?|aarch[_-]?64(?!_be)|arm[_-]?v8[a-z]*|winarm64|silicon",
    "x86": "x86(?![_-]?64)(?:[_-]?32)?|i?[3-6]86|ia32",
    "armv7": "arm[_-]?v?7[a-z]*|arm32v7|armhfp?|aarch32",
    "arm": "arm(?![_-]?(?:64|v?[1-9]))|arm[_-]?v?[56][a-z]*|arm32(?:v[56])?|armel|armeabi",
    "ppc64le": "ppc64le|ppc64el|powerpc64le|ppcle[_-]64",
    "s390x": "s390x|s390[_-]64",
    "riscv64": "risc[_-]?v[_-]?64[a-z0-9]*|rv64[a-z]*",
    "other": "aarch64_be|aarch64_ilp32|arm64(?:_?be|ec)|arm(?:be|eb)|arm[_-]?v?(?:[1-4]|9)[a-z]*|arm8|"
    r"alpha|avr|bpf(?:eb|el)?|"
    r"csky|e2k(?:v\d)?|elbrus|hppa(?:64)?|parisc(?:64)?|ia64|itanium|loong(?:arch|son)?(?:32|64)?|m68k|microblaze(?:el)?|"
    r"mips(?:isa)?(?:32|64)?(?:p32)?(?:r\d)?(?:el|eb|le|be)?|nios2|nvptx(?:64)?|or1k|openrisc|"
    r"(?:ppc|powerpc|power)[_-]?(?:32|64)?(?:be|spe)?|power\d+|risc[_-]?v(?:[_-]?32[a-z]*)?|rv32[a-z]*|"
    r"rpi\d?|raspi\d?|raspberry(?:pi)?|s390|sh[2-4](?:el|eb)?|sparc(?:32|64|v\d)?|sw_?64|thumbv\d[a-z]*|tile(?:gx|pro)|"
    "wasm(?:32|64)?|xtensa|zarch",
}
_WORD_SIZE = {
    "x64": "(?:linux|macosx?|darwin|osx|mac|windows|win)[_-]?64|64[_-]?bits?",
    "x86": "(?:linux|macosx?|darwin|osx|mac|windows|win)[_-]?32|32[_-]?bits?",
}
_LIBC = {
    "musl": "musl|musleabihf|musleabi|alpine|(?<=[-_.])static",  # never the word that a name begins with
    "other": "uclibc(?:eabi)?(?:hf)?|dietlibc|newlib|bionic|relibc|(?:gnu|musl)?x32|(?:gnu_?)?ilp32",
}
_EMULATORS = {"macos": "Rosetta 2", "windows": "the x64 emulation of Windows"}
_UNIVERSAL = re.compile(r"(?<![a-z0-9])(universal2?|all|any|fat)(?![a-z0-9])")
_REMEMBERED = 1_024
"""URLs and file names whose words are remembered: each is compared with every platform."""

_HOST = re.compile(r"[a-z]+://[^/\s]*")


def format_of(url: str) -> str:
    """Return an archive's format by its URL or file name."""
    name = url.partition("?")[0].partition("#")[0].lower()
    return next((kind for ending, kind in FORMATS.items() if name.endswith(ending)), "raw")


@lru_cache(_REMEMBERED)
def os_words(text: str) -> frozenset[str]:
    """Return the operating systems that a URL or file name mentions; Android is not Linux here."""
    words, name = _words_in(_OS, text), text.rpartition("/")[2]
    return words - {"linux"} if _words_in(_OS, name) & _LINUX_KERNELS else words


@lru_cache(_REMEMBERED)
def arch_words(text: str) -> frozenset[str]:
    """Return the processors that a URL or file name mentions, else those of a mentioned word size.

    macOS and Windows have no 32-bit ARM: there the bare word `arm` is arm64.
    """
    words = _words_in(_ARCH, text) or _words_in(_WORD_SIZE, text)
    is_arm64 = "arm" in words and os_words(text) & {"macos", "windows"}
    return words - {"arm"} | {"arm64"} if is_arm64 else words


@lru_cache(_REMEMBERED)
def libc_words(text: str) -> frozenset[str]:
    """Return the C libraries that a URL or file name mentions; a static program runs on musl, too."""
    return _words_in(_LIBC, text)


def is_universal(text: str) -> bool:
    """Return whether a file name is for every processor of its system."""
    return bool(_UNIVERSAL.search(text.lower()))


def without_host(url: str) -> str:
    """Return a URL without its scheme and host, whose words do not describe the archive."""
    return _HOST.sub("", url)


def emulator(url: str, platform: Platform) -> str | None:
    """Return the emulator that an archive for x64 requires on a platform; None if it requires none."""
    path = without_host(url)
    name = path.rpartition("/")[2]
    if platform.arch != "arm64" or os_words(name) != {platform.os} or is_universal(name):
        return None
    return _EMULATORS.get(platform.os) if arch_words(path) <= {"x64"} else None


def is_url_for_platform(url: str, platform: Platform) -> bool:
    """Return whether a URL without placeholders is for this platform.

    A URL without platform terms (a script, a .jar) fits all of them, so that locks are the same on every platform.
    Linux without a C library means glibc.
    """
    path = without_host(url)
    systems, processors = os_words(path), arch_words(path)
    if (systems and platform.os not in systems) or (processors and platform.arch not in processors):
        return False
    libraries = libc_words(path)
    if platform.os != "linux" or "linux" not in systems:
        return True
    return "other" not in libraries and (platform.libc != "musl" or "musl" in libraries)


def _words_in(words: dict[str, str], text: str) -> frozenset[str]:
    return frozenset(name for name, pattern in words.items() if _word(pattern).search(text.lower()))


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")

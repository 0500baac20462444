"""Guessing which of a release's files is the program for a platform, from the words in their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.catalog import url_hints
from envmgr.kit.errors import AmbiguousAsset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.kit.platform import Platform

_NOT_PROGRAMS = re.compile(
    r"""\.(sha\d+(sums?)?(\.txt)?|md5|asc|sig|sigstore(\.json)?|minisig|pem|cert|crt|pub|sbom|bom|json|jsonl|ya?ml|txt|
        md|html|deb|rpm|apk|pkg|dmg|msi|msix|appimage|snap|flatpak|jar|whl|gem|vsix|nupkg|zsync|rb|sh|ps1|patch|
        diff|attestation|provenance|pdb|dsym|d|7z|rar|lz|lz4|lzma|br|torrent|blockmap|b3|iso|vhd|lock|cdx|spdx)$""",
    re.VERBOSE | re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?<![a-z0-9])(src|source|sources|debug|debuginfo|dbg|symbols|docs?|completions?|man|(?<=[-_.])setup|installer)(?![a-z0-9])"
)
_ENDINGS = (".tar.zst", ".tzst", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz", ".tar", ".zip",
            ".zst", ".gz", ".xz", ".bz2", ".exe")  # fmt: skip
"""The fastest to install first."""
_GNU = re.compile(r"(?<![a-z0-9])(gnu|glibc|gnueabihf)(?![a-z0-9])")

Fit = tuple[int, int]


def choose(names: Iterable[str], platform: Platform, tool: str) -> str | None:
    """Return the file for a platform, None without one; raise AmbiguousAsset when several fit as well."""
    fitting = [(fit, name) for name in names if (fit := _fit(name, platform, tool)) is not None]
    if not fitting:
        return None
    best = min(fit for fit, _ in fitting)
    plainest = _plainest([name for fit, name in fitting if fit == best], tool)
    if len({_stem(name) for name in plainest}) > 1:
        raise _ambiguous(plainest, platform, tool)
    return min(plainest, key=lambda name: (_preference(name, platform), name))


def _fit(name: str, platform: Platform, tool: str) -> Fit | None:
    """Return the rank of a file for a platform: processor match, then C library; None if unsuitable."""
    text = _without_tool(name.lower(), tool.lower())
    if _NOT_PROGRAMS.search(name) or _ASIDE.search(text) or _systems(text) != {platform.os}:
        return None
    processor, library = _processor_fit(text, platform), _library_fit(text, platform)
    if processor is None or library is None:
        return None
    return processor, library


def _systems(text: str) -> frozenset[str]:
    return url_hints.os_words(text) or frozenset({"windows"} if text.endswith(".exe") else ())


def _without_tool(name: str, tool: str) -> str:
    """Return a file name without the tool's name, which may contain platform terms."""
    tool_pattern = "[-_.]".join(re.escape(word) for word in re.split(r"[-_.]", tool))
    remainder = re.sub(rf"(?<![a-z0-9]){tool_pattern}(?![a-z0-9])", "", name, count=1)
    return remainder if url_hints.os_words(remainder) else name


def _processor_fit(text: str, platform: Platform) -> int | None:
    arch_words = url_hints.arch_words(text)
    if platform.arch in arch_words:
        return 0 if len(arch_words) == 1 else 1
    if platform.os == "macos" and not arch_words and url_hints.is_universal(text):
        return 2
    if platform.arch == "x64":
        # A release that names no processor was made for the most common one.
        return None if arch_words else 3
    if platform.arch == "armv7":
        return 4 if arch_words == {"arm"} else None
    if not url_hints.emulator(text, platform):
        return None
    return 5 if arch_words else 6


def _library_fit(text: str, platform: Platform) -> int | None:
    if platform.os != "linux":
        return 1 if _GNU.search(text) else 0  # on Windows, Microsoft's C library is always present
    libraries = url_hints.libc_words(text)
    if "other" in libraries:
        return None
    is_musl = "musl" in libraries
    if platform.libc == "musl":
        return 0 if is_musl else None
    # Released programs for musl are linked statically: they run on glibc, too.
    return 2 if is_musl else 0 if _GNU.search(text) else 1


def _plainest(names: list[str], tool: str) -> list[str]:
    """Return the names with the fewest extra terms: `bun-linux-x64`, not `bun-linux-x64-profile`."""
    extra = {name: len(_words(name) - _words(tool)) for name in names}
    return [name for name in names if extra[name] == min(extra.values())]


def _words(name: str) -> frozenset[str]:
    return frozenset(word for word in re.split(r"[-_.+/]", _stem(name).lower()) if word)


def _stem(name: str) -> str:
    return next((name[: -len(ending)] for ending in _ENDINGS if name.lower().endswith(ending)), name)


def _preference(name: str, platform: Platform) -> tuple[bool, int]:
    """Return the rank of a file format: the bare program first, then the platform's usual archive."""
    order = (".zip", ".exe", *_ENDINGS) if platform.is_windows else _ENDINGS
    rank = next((order.index(ending) for ending in order if name.lower().endswith(ending)), len(order))
    return url_hints.format_of(name) not in url_hints.SINGLE_FILE, rank


def _ambiguous(names: list[str], platform: Platform, tool: str) -> AmbiguousAsset:
    lines = "\n".join(f"  {name}" for name in sorted(names))
    return AmbiguousAsset(
        f"several files of {tool} fit {platform.key}:\n{lines}",
        "name the file in a manifest: `asset` is its name, with {version}, {os} and {arch}",
    )

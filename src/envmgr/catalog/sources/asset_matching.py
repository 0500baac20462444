"""Guessing which of a release's files is the program for a platform, from the words in their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.catalog import url_hints
from envmgr.kit.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.kit.platform import Platform

_NOT_PROGRAMS = re.compile(
    r"""\.(sha\d+(sums?)?(\.txt)?|md5|asc|sig|sigstore(\.json)?|minisig|pem|cert|crt|pub|sbom|bom|json|jsonl|ya?ml|txt|
        md|html|deb|rpm|apk|pkg|dmg|msi|msix|appimage|snap|flatpak|jar|whl|gem|vsix|nupkg|zsync|rb|sh|ps1|patch|
        diff|attestation|provenance|pdb|dsym|d|7z|iso|vhd|lock|cdx|spdx)$""",
    re.VERBOSE | re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?<![a-z0-9])(src|source|sources|debug|debuginfo|dbg|symbols|docs?|completions?|man)(?![a-z0-9])"
)
_GLUED = re.compile(r"(linux|darwin|macos|osx|windows|win)[-_]?(64|32)(?![0-9])")
_ENDINGS = (".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz", ".tar", ".zip", ".gz", ".xz",
            ".zst", ".bz2", ".exe")  # fmt: skip
_UNIVERSAL = re.compile(r"(?<![a-z0-9])(universal2?|all|any|fat)(?![a-z0-9])")
_GNU = re.compile(r"(?<![a-z0-9])(gnu|glibc|gnueabihf)(?![a-z0-9])")

Fit = tuple[int, int]


def choose(names: Iterable[str], platform: Platform, tool: str) -> str | None:
    """Return the file for a platform, None if there is none; raise InvalidRequest when several fit as well."""
    fitting = [
        (fit, name) for name in names if _may_be_program(name) and (fit := _fit(name, platform)) is not None
    ]
    if not fitting:
        return None
    best = min(fit for fit, _ in fitting)
    plainest = _plainest([name for fit, name in fitting if fit == best], tool)
    if len({_stem(name) for name in plainest}) > 1:
        raise _ambiguous(plainest, platform, tool)
    return min(plainest, key=lambda name: (_preference(name, platform), name))


def _may_be_program(name: str) -> bool:
    return not _NOT_PROGRAMS.search(name) and not _ASIDE.search(name.lower())


def _fit(name: str, platform: Platform) -> Fit | None:
    """Rank a file: how roundabout it names the processor, then the C library; None if it is for another platform."""
    text = _GLUED.sub(r"\1-\2bit", name.lower())
    if url_hints.os_words(text) != {platform.os}:
        return None
    processor, library = _processor_fit(text, platform), _library_fit(text, platform)
    if processor is None or library is None:
        return None
    return processor, library


def _processor_fit(text: str, platform: Platform) -> int | None:
    spoken = url_hints.arch_words(text)
    if platform.arch in spoken:
        return 0 if len(spoken) == 1 else 1
    if spoken:
        return None
    if platform.os == "macos" and _UNIVERSAL.search(text):
        return 2
    # A release that names no processor was made for the one everybody had.
    return 3 if platform.arch == "x64" else None


def _library_fit(text: str, platform: Platform) -> int | None:
    if platform.os != "linux":
        return 1 if _GNU.search(text) else 0  # on Windows, Microsoft's own library is what everybody has
    is_musl = "musl" in url_hints.libc_words(text)
    if platform.libc == "musl":
        return 0 if is_musl else None
    # Released programs for musl are linked statically: they run on glibc, too.
    return 2 if is_musl else 0 if _GNU.search(text) else 1


def _plainest(names: list[str], tool: str) -> list[str]:
    """Return the names with the fewest words apart from the tool's: `bun-linux-x64`, not `bun-linux-x64-profile`."""
    extra = {name: len(_words(name) - _words(tool)) for name in names}
    return [name for name in names if extra[name] == min(extra.values())]


def _words(name: str) -> frozenset[str]:
    return frozenset(word for word in re.split(r"[-_.+/]", _stem(name).lower()) if word)


def _stem(name: str) -> str:
    return next((name[: -len(ending)] for ending in _ENDINGS if name.lower().endswith(ending)), name)


def _preference(name: str, platform: Platform) -> int:
    """Prefer what unpacks alike everywhere; on Windows, what its users unpack."""
    order = (".zip", ".exe", *_ENDINGS) if platform.is_windows else _ENDINGS
    return next((order.index(ending) for ending in order if name.lower().endswith(ending)), len(order))


def _ambiguous(names: list[str], platform: Platform, tool: str) -> InvalidRequest:
    listed = "\n".join(f"  {name}" for name in sorted(names))
    return InvalidRequest(
        f"which file of {tool} is for {platform.key} is not plain:\n{listed}",
        "say which in a manifest of its own: `asset` is the name of the file, with {version}, {os} and {arch}",
    )

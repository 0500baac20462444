"""Commands of an extracted tree: every installation provides at least one."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envmgr.catalog import url_hints
from envmgr.install import executables
from envmgr.install.archive.extract import top_of
from envmgr.kit.errors import BadArchive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.catalog.layout import Layout

_WINDOWS_ENDINGS = (".exe", ".cmd", ".bat", ".com")
_MAGIC = (
    b"\x7fELF",
    b"#!",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)
_FAT_MAGIC = b"\xca\xfe\xba\xbe"  # of a universal Mach-O file, and of a Java class
_MAX_FAT_PARTS = 20  # the next number is the version of a Java class, at least 45
_LIBRARY = re.compile(r"\.(so(\.\d+)*|dylib|a|o|node)$")
_SETUP_SCRIPT = re.compile(r"(un)?install(er)?([-_.].*)?\.(sh|bash|zsh|fish)", re.IGNORECASE)


def provide_commands(
    root: str, layout: Layout, bin_dirs: Sequence[str], tool: str, system: str
) -> tuple[str, ...]:
    """Return the directories of a tree's commands, in PATH order; raise BadArchive without commands.

    Programs without an execute bit get it if the tree has no other: all in directories that the manifest names, else
    the one called like the tool, or the only one. Where the manifest names none, setup scripts are not commands.
    """
    is_guess = not layout.bin and not layout.links
    if is_guess:
        _disable_setup_scripts(root, bin_dirs, system)
    if not any(_commands(root, layout, bin_dirs, system)):
        for path in _candidates(root, bin_dirs, tool, is_guess=is_guess):
            executables.make_executable(path)
    commands = list(_commands(root, layout, bin_dirs, system))
    if not commands and not _is_filled_later(layout):
        raise BadArchive(
            f"no program found in the archive ({top_of(root)})",
            "name it in a manifest: `bin` is the path of the program in the archive",
        )
    if is_guess and len(commands) == 1 and _is_platform_name(commands[0], tool):
        return (executables.link_command(root, tool, commands, system), *bin_dirs)
    return tuple(bin_dirs)


def _is_filled_later(layout: Layout) -> bool:
    """Return whether the manifest names a directory for programs that are installed later."""
    return any(entry.endswith("/") for entry in layout.bin)


def _commands(root: str, layout: Layout, bin_dirs: Sequence[str], system: str) -> Iterator[str]:
    """Yield the programs, relative to the tree."""
    for path in _files(root, bin_dirs):
        full = os.path.join(root, path)
        is_named = path in layout.bin
        has_ending = path.lower().endswith(_WINDOWS_ENDINGS)
        if is_named or has_ending if system == "windows" else os.access(full, os.X_OK):
            yield path


def _files(root: str, bin_dirs: Sequence[str]) -> Iterator[str]:
    for directory in bin_dirs:
        for name in sorted(os.listdir(os.path.join(root, directory))):
            path = f"{directory}/{name}" if directory else name
            if not name.startswith("._") and os.path.isfile(os.path.join(root, path)):
                yield path


def _candidates(root: str, bin_dirs: Sequence[str], tool: str, *, is_guess: bool) -> list[str]:
    """Return the files that are programs by their content."""
    paths = [path for path in _files(root, bin_dirs) if _has_program_content(os.path.join(root, path))]
    if is_guess:
        programs = [path for path in paths if not _SETUP_SCRIPT.fullmatch(os.path.basename(path))]
        same_name = [path for path in programs if os.path.basename(path) == tool]
        paths = same_name or (programs if len(programs) == 1 else [])
    return [os.path.join(root, path) for path in paths]


def _has_program_content(path: str) -> bool:
    with open(path, "rb") as file:
        start = file.read(8)
    is_fat = start.startswith(_FAT_MAGIC) and 0 < int.from_bytes(start[4:]) < _MAX_FAT_PARTS
    return (start.startswith(_MAGIC) or is_fat) and not _LIBRARY.search(path)


def _disable_setup_scripts(root: str, bin_dirs: Sequence[str], system: str) -> None:
    """Clear the execute bits of scripts that set up what the archive holds (`install-man-page.sh`)."""
    if system == "windows":
        return
    for path in _files(root, bin_dirs):
        full = os.path.join(root, path)
        if _SETUP_SCRIPT.fullmatch(os.path.basename(path)) and not os.path.islink(full):
            os.chmod(full, os.stat(full).st_mode & ~0o111)


def _is_platform_name(path: str, tool: str) -> bool:
    """Return whether a program is called like the tool and its platform: `yq_linux_amd64`."""
    name = os.path.basename(path).lower()
    suffix = name.removeprefix(tool.lower())
    return suffix != name and suffix[:1] in {"-", "_", "."} and bool(url_hints.os_words(suffix))

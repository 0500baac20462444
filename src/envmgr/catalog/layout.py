"""The layout of a release on a platform: the manifest with all overrides applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

LINKS = ".bin"


@frozen
class Layout:
    """The layout for the installer; all paths are relative, with `/`, templates filled in.

    `format` is one of tar.gz tar.xz tar.bz2 tar.zst tar zip gz xz zst raw whl. `strip` is the number of leading
    directories to drop (None: drop a single top directory that no `bin` path names). `bin` are executables or
    directories of them, inside the installed tree: `.` is the tree itself, and a directory that ends in `/` may be
    missing from the archive (the installer creates it for programs added later). Where both `bin` and `links` are
    empty, the programs are in the tree's `bin` if it has one, else in the tree itself. `home` is the tree's root for
    `{home}`. `rename` maps a path of the archive to its new path. `env` values may hold `{home}`. `script` is the
    install script for the platform's kind.

    `links` creates commands for programs with other names: each name maps to candidate paths of its program, of which
    the first that exists (after `strip`) is used; an archive without any is invalid. The installer makes the program
    executable and creates the command in the tree's directory LINKS, which goes on PATH
    before all of `bin` (`bin` may then be empty): a relative symbolic link on Unix, so that a script still finds its
    neighbouring files; on Windows a `<name>.cmd` that starts the `.exe`, or the script with the interpreter of its
    `#!` line (`node`, when it ends in .js, .cjs or .mjs).
    """

    format: str
    bin: tuple[str, ...]
    strip: int | None = None
    rename: Mapping[str, str] = {}
    links: Mapping[str, tuple[str, ...]] = {}
    home: str = ""
    env: Mapping[str, str] = {}
    script: str | None = None
    builtin: bool = False
    requires: tuple[str, ...] = ()
    check_args: tuple[str, ...] = ()
    check_expect: str = ""
    variants: tuple[str, ...] = ()
    default_vendor: str | None = None

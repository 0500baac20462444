"""All files of other version managers, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.project.foreign.documents import read_mise, read_package_json, read_rust_toolchain
from envmgr.project.foreign.line_files import read_go_mod, read_tool_versions, version_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envmgr.project.foreign.entry import ForeignRequest, Skipped

FILES: Mapping[str, Callable[[str], Iterator[ForeignRequest | Skipped]]] = {
    ".tool-versions": read_tool_versions,
    "mise.toml": read_mise,
    ".mise.toml": read_mise,
    ".nvmrc": version_reader("nodejs"),
    ".node-version": version_reader("nodejs"),
    ".python-version": version_reader("python"),
    ".ruby-version": version_reader("ruby"),
    ".java-version": version_reader("java"),
    ".terraform-version": version_reader("terraform"),
    "rust-toolchain.toml": read_rust_toolchain,
    "rust-toolchain": version_reader("rust"),
    "go.mod": read_go_mod,
    "package.json": read_package_json,
}
"""Readers by file name; where two files name a tool, the first one wins."""

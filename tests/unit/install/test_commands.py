"""Commands of an unpacked tree, with and without a manifest that names them."""

from __future__ import annotations

import os
import sys

import pytest

from envmgr.catalog.layout import LINKS, Layout
from envmgr.install import commands
from envmgr.kit.errors import BadArchive

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="executable bits")
ELF = b"\x7fELF\2\1\1\0" + bytes(8)
SCRIPT = b"#!/bin/sh\n"


@pytest.fixture
def tree(tmp_path):
    """Return a function that writes files: content by path, executable where the path ends in `*`."""

    def make(files):
        for name, content in files.items():
            path = tmp_path / name.rstrip("*")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if name.endswith("*") else 0o644)
        return str(tmp_path)

    return make


def provide(root, *bin_dirs, layout=None, system="linux"):
    return commands.provide_commands(root, layout or Layout("zip", ()), bin_dirs or ("",), "tool", system)


def executable(root):
    return sorted(name for name in os.listdir(root) if os.access(f"{root}/{name}", os.X_OK) and name != LINKS)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"tool": ELF, "README": b"read me"}, ["tool"]),
        ({"tool": SCRIPT, "other": SCRIPT}, ["tool"]),
        ({"other": ELF, "libtool.so.1": ELF}, ["other"]),
        ({"tool*": ELF, "helper": ELF}, ["tool"]),
        ({"tool*": ELF, "install-man-page.sh*": SCRIPT, "uninstall.sh*": SCRIPT}, ["tool"]),
        ({"tool": b"\xca\xfe\xba\xbe\0\0\0\2", "Tool.class": b"\xca\xfe\xba\xbe\0\0\0\x34"}, ["tool"]),
    ],
)
def test_the_program_is_detected_without_names_in_the_manifest(files, expected, tree):
    root = tree(files)
    assert provide(root) == ("",)
    assert executable(root) == expected


@pytest.mark.parametrize(
    "files",
    [
        {"README": b"read me"},
        {"one": ELF, "two": ELF},
        {"libtool.so": ELF, "libtool.dylib": ELF},
        {"tool": b"no program"},
        {"install.sh*": SCRIPT},
        {"._tool*": b"\0\5\x16\7"},
    ],
)
def test_a_tree_without_a_program_is_a_bad_archive(files, tree):
    with pytest.raises(BadArchive, match="no program found in the archive") as caught:
        provide(tree(files))
    assert "`bin`" in str(caught.value.hint)


def test_programs_in_a_directory_that_the_manifest_names_are_made_executable(tree):
    root = tree({"bin/tool": ELF, "bin/other": SCRIPT, "bin/data": b"data"})
    assert provide(root, "bin", layout=Layout("zip", ("bin",))) == ("bin",)
    assert executable(f"{root}/bin") == ["other", "tool"]


def test_scripts_named_in_the_manifest_are_commands(tree):
    root = tree({"install.sh*": SCRIPT})
    assert provide(root, layout=Layout("zip", (".",))) == ("",)
    assert executable(root) == ["install.sh"]


def test_an_empty_program_directory_is_accepted(tree):
    root = tree({"bin/data": b"data"})
    assert provide(root, "bin", layout=Layout("zip", ("bin/",))) == ("bin",)


def test_a_program_named_for_its_platform_is_linked_as_the_tool(tree):
    root = tree({"tool_linux_amd64*": ELF})
    assert provide(root) == (LINKS, "")
    assert os.readlink(f"{root}/{LINKS}/tool") == "../tool_linux_amd64"


def test_on_windows_programs_are_recognized_by_their_endings(tree):
    assert provide(tree({"tool.exe": b"MZ"}), system="windows") == ("",)
    root = tree({"sub/tool": ELF})
    with pytest.raises(BadArchive):
        provide(root, "sub", system="windows")

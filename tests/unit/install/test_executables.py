"""Programs in an unpacked tree."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from envmgr.catalog.layout import LINKS, Layout
from envmgr.install import executables
from envmgr.install.commands import provide_commands
from envmgr.kit.errors import BadArchive, UnsafeArchive

unix = pytest.mark.skipif(sys.platform == "win32", reason="executable bits")


@pytest.fixture
def tree(tmp_path):
    def make(*files, content="#!/bin/sh\necho ran\n"):
        for name in files:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(0o644)
        return str(tmp_path)

    return make


def layout(*paths, **more):
    return Layout("tar.gz", paths, **more)


@unix
def test_a_program_is_made_executable_and_its_directory_goes_on_path(tree):
    root = tree("bin/tool")
    assert executables.prepare_executables(root, layout("bin/tool"), "linux") == ("bin",)
    assert os.stat(f"{root}/bin/tool").st_mode & 0o777 == 0o755


@unix
def test_a_file_without_read_permission_is_not_executable(tree):
    root = tree("tool")
    os.chmod(f"{root}/tool", 0o640)
    executables.make_executable(f"{root}/tool")
    assert os.stat(f"{root}/tool").st_mode & 0o777 == 0o750


def test_directories_go_on_path_once_in_order(tree):
    root = tree("b/x", "a/y", "b/z", "top")
    assert executables.prepare_executables(root, layout("b/x", "a", "b", "."), "linux") == ("b", "a", "")


def test_a_program_directory_with_a_trailing_slash_is_created(tree):
    root = tree("x")
    assert executables.prepare_executables(root, layout("lib/bin/"), "linux") == ("lib/bin",)
    assert os.path.isdir(f"{root}/lib/bin")


@pytest.mark.parametrize(("files", "expected"), [(["bin/x"], ("bin",)), (["x"], ("",))])
def test_programs_are_in_bin_or_at_the_top_by_default(tree, files, expected):
    assert executables.prepare_executables(tree(*files), layout(), "linux") == expected


def test_a_missing_program_is_named_with_the_existing_files(tree):
    root = tree("nope/x", "README")
    with pytest.raises(BadArchive, match=r"program 'bin/tool' not found .* \(top level: 'README', 'nope'\)"):
        executables.prepare_executables(root, layout("bin/tool"), "linux")


def test_a_long_file_list_is_truncated(tree):
    root = tree(*[f"f{number:02}" for number in range(20)])
    with pytest.raises(BadArchive, match="'f11' and 8 more"):
        executables.prepare_executables(root, layout("bin/tool"), "linux")


def test_windows_finds_programs_by_their_endings(tree):
    root = tree("bin/tool.exe")
    assert executables.prepare_executables(root, layout("bin/tool"), "windows") == ("bin",)
    with pytest.raises(BadArchive):
        executables.prepare_executables(root, layout("bin/tool"), "linux")


def test_programs_at_the_top_of_a_zip_for_windows_are_found_without_a_directory(tree):
    root = tree("node.exe", "npm.cmd", "node_modules/npm/bin/npm", "README.md")
    layout_without_bin = layout()
    directories = executables.prepare_executables(root, layout_without_bin, "windows")
    assert directories == ("",)
    assert provide_commands(root, layout_without_bin, directories, "nodejs", "windows") == ("",)


@pytest.mark.parametrize("path", ["../x", "/bin/sh", "a/../../x"])
def test_a_path_outside_the_tree_is_rejected(tree, path):
    with pytest.raises(UnsafeArchive):
        executables.prepare_executables(tree("x"), layout(path), "linux")


@unix
def test_a_link_leads_to_the_first_existing_program(tree):
    root = tree("lib/cli.js")
    commands = executables.prepare_executables(
        root, layout(links={"tool": ("bin/cli", "lib/cli.js")}), "linux"
    )
    assert commands == (LINKS,)
    assert os.readlink(f"{root}/{LINKS}/tool") == "../lib/cli.js"
    assert subprocess.run([f"{root}/{LINKS}/tool"], capture_output=True, check=True).stdout == b"ran\n"


def test_links_precede_programs_in_bin(tree):
    root = tree("bin/x", "lib/y")
    assert executables.prepare_executables(root, layout("bin", links={"z": ("lib/y",)}), "linux") == (
        LINKS,
        "bin",
    )


def test_a_dangling_link_error_names_all_candidates(tree):
    with pytest.raises(BadArchive, match="program 'a' or 'b/c' not found"):
        executables.prepare_executables(tree("x"), layout(links={"tool": ("a", "b/c")}), "linux")


def test_a_link_onto_an_existing_file_is_a_bad_archive(tree):
    root = tree(f"{LINKS}/tool", "x")
    with pytest.raises(BadArchive, match=r"\.bin/tool already exists"):
        executables.prepare_executables(root, layout(links={"tool": ("x",)}), "linux")


def test_on_windows_a_link_is_a_batch_file(tree):
    root = tree("lib/100%/cli.js", content="#!/usr/bin/env node\n")
    executables.prepare_executables(root, layout(links={"tool": ("lib/100%/cli.js",)}), "windows")
    with open(f"{root}/{LINKS}/tool.cmd", newline="") as file:
        assert file.read() == '@node "%~dp0..\\lib\\100%%\\cli.js" %*\r\n'


@pytest.mark.parametrize(
    ("program", "first_line", "expected"),
    [
        ("x.js", "", "node"),
        ("x.mjs", "#!/usr/bin/env deno", "deno"),
        ("x", "#!/usr/bin/env -S node --flag", "node"),
        ("x", "#!/usr/bin/env A=b python3", "python3"),
        ("x", "#!/usr/bin/perl -w", "perl"),
        ("x.exe", "MZ", ""),
        ("x", "#!", ""),
    ],
)
def test_the_interpreter_of_a_script_is_read(program, first_line, expected):
    assert executables.interpreter_of(program, first_line) == expected

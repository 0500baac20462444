"""A directory is linked only if it is an installation, and only as a version that is not installed."""

from __future__ import annotations

import os
from pathlib import PureWindowsPath

import pytest

from envmgr.install import receipt, store
from envmgr.kit import platform
from envmgr.kit.errors import EnvmgrError
from envmgr.ops.maintenance.link import is_inside, link
from envmgr.resolve.context import Context
from support.machine.installed_tools import Toolbox, program


@pytest.fixture
def box(tmp_path):
    return Toolbox(tmp_path)


def macos_context(box):
    """Return the context of a run on macOS, where the manifest of Java has a home in its archive."""
    return Context(box.context().environment, box.paths, platform.parse("macos-arm64"))


def installation(directory, *programs):
    """Create an installation; return its directory."""
    for name in programs:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        program(directory / name, "#!/bin/sh\n")
    return directory


def test_a_link_has_the_variables_of_its_manifest(box):
    home = installation(box.directory / "jdk.jdk/Contents/Home", "bin/java")
    link(macos_context(box), "java", "temurin-21.0.1", str(home))
    installed = store.get(box.paths, "java", "temurin-21.0.1")
    assert installed.path == installed.link == str(home)
    assert installed.bin_dirs == (str(home / "bin"), str(home))
    assert installed.env == {"JAVA_HOME": str(home)}
    assert store.check(box.paths, "java", "temurin-21.0.1") == ()


def test_the_home_in_a_linked_directory_is_used_if_it_is_there(box):
    directory = installation(box.directory / "jdk.jdk", "bin/java", "Contents/Home/bin/java")
    link(macos_context(box), "java", "temurin-21.0.1", str(directory))
    installed = store.get(box.paths, "java", "temurin-21.0.1")
    assert installed.env == {"JAVA_HOME": str(directory / "Contents/Home")}


def test_a_link_requires_the_tools_of_its_manifest(box):
    directory = installation(box.directory / "prettier", "bin/prettier")
    assert link(box.context(), "npm:prettier", "3.3.3", str(directory)).requires == ("nodejs",)


@pytest.mark.parametrize(
    "directory", ["", "shared", "shared/bin", "root/shims", "symlink", "/", "/usr", "/usr/bin"]
)
def test_a_directory_with_the_programs_of_others_is_refused(box, directory):
    installation(box.directory, "shared/bin/zig", "root/shims/zig", "tool/zig")
    (box.directory / "symlink").mkdir()
    (box.directory / "symlink/bin").symlink_to(box.directory / "root/shims")
    context = box.context(PATH=os.pathsep.join(map(str, (box.directory, box.directory / "shared/bin"))))
    with pytest.raises(EnvmgrError, match=r"the system's programs are in|has programs of envmgr") as caught:
        link(context, "zig", "0.12.0", str(box.directory / directory))
    assert caught.value.hint
    assert store.versions(box.paths, "zig") == ()


def test_a_linked_directory_is_linked_again_in_an_activated_shell(box):
    directory = installation(box.directory / "tool", "bin/zig")
    path = os.pathsep.join([str(directory / "bin"), str(directory), "/usr/bin"])
    with pytest.raises(EnvmgrError, match="the system's programs") as caught:
        link(box.context(PATH=path), "zig", "0.12.0", str(directory))
    assert "zig=system" in caught.value.hint
    link(box.context(), "zig", "0.12.0", str(directory))
    assert link(box.context(PATH=path), "zig", "0.13.0", str(directory)).link == str(directory)


@pytest.mark.parametrize("text", ['{"receipt": 2}', "{", None], ids=["newer", "damaged", "missing"])
def test_a_directory_without_a_receipt_of_a_link_is_not_replaced(box, text):
    tree = box.install("zig", "0.12.0", ["zig"])
    (tree / receipt.RECEIPT).unlink()
    if text is not None:
        (tree / receipt.RECEIPT).write_text(text)
    directory = installation(box.directory / "tool", "zig")
    with pytest.raises(EnvmgrError, match="its receipt cannot be read"):
        link(box.context(), "zig", "0.12.0", str(directory))
    assert (tree / "bin/zig").is_file()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("C:\\Data\\installs", True), ("c:\\data\\Installs\\go", True), ("C:\\Data", False), ("D:\\go", False)],
)
def test_a_directory_on_another_drive_is_outside(path, expected):
    assert is_inside(path, "C:\\Data\\installs", PureWindowsPath) is expected


@pytest.mark.parametrize(
    ("tool", "version", "directory", "message"),
    [
        ("zig", "0.12.0", "missing", "not found"),
        ("zig", "0.12.0", "empty", "no program found"),
        ("zig", "^0.12", "empty", "not a full version"),
        ("zig", "latest", "empty", "not a full version"),
        ("zgi", "0.12.0", "empty", "unknown tool"),
        ("zig", "0.13.0", "root/installs/zig/0.12.0", "has programs of envmgr"),
        ("zig", "0.12.0", "other", "already installed"),
    ],
)
def test_what_cannot_be_linked_is_refused(box, tool, version, directory, message):
    box.install("zig", "0.12.0", ["zig"])
    (box.directory / "empty").mkdir()
    (box.directory / "other").mkdir()
    program(box.directory / "other/zig", "#!/bin/sh\n")
    with pytest.raises(EnvmgrError, match=message):
        link(box.context(), tool, version, str(box.directory / directory))
    assert store.versions(box.paths, "zig") == ("0.12.0",)
    assert not store.get(box.paths, "zig", "0.12.0").link

"""A directory is linked only if it is an installation, and only as a version that is not installed."""

from __future__ import annotations

import pytest

from envmgr.install import store
from envmgr.kit.errors import EnvmgrError
from envmgr.ops.maintenance.link import link
from support.machine.installed_tools import Toolbox, program


@pytest.fixture
def box(tmp_path):
    return Toolbox(tmp_path)


def test_a_link_has_the_variables_of_its_manifest(box):
    home = box.directory / "jdk"
    (home / "bin").mkdir(parents=True)
    program(home / "bin/java", "#!/bin/sh\n")
    link(box.context(), "java", "temurin-21.0.1", str(home))
    installed = store.get(box.paths, "java", "temurin-21.0.1")
    assert installed.path == installed.link == str(home)
    assert installed.bin_dirs == (str(home / "bin"), str(home))
    assert installed.env["JAVA_HOME"].startswith(str(home))
    assert store.check(box.paths, "java", "temurin-21.0.1") == ()


@pytest.mark.parametrize(
    ("tool", "version", "directory", "message"),
    [
        ("zig", "0.12.0", "missing", "not found"),
        ("zig", "0.12.0", "empty", "no program found"),
        ("zig", "^0.12", "empty", "not a full version"),
        ("zig", "latest", "empty", "not a full version"),
        ("zgi", "0.12.0", "empty", "unknown tool"),
        ("zig", "0.13.0", "root/installs/zig/0.12.0", "is an installation of envmgr"),
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

"""Shims are written atomically, only if they differ, and never over foreign files."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from envmgr.kit.paths import Paths, single_root
from envmgr.shells import shim, shim_marker
from envmgr.shells.shim import ShimContext

NASTY = "/r o'o\"t/$HOME/`x`/a\nb/é/@PLANS@"


@pytest.fixture
def shim_context(tmp_path):
    return ShimContext(
        str(tmp_path), str(tmp_path / "plans"), str(tmp_path / "shims"), "/usr/bin/python3", "/site"
    )


def write(directory, **contents):
    directory.mkdir(exist_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)


def test_embedded_values_are_quoted():
    shim_context_ = ShimContext(*[f"{NASTY}/{part}" for part in ("home", "plans", "shims", "python", "site")])
    for text in shim.files(shim_context_, ["it's", "-x", "[", "a\nb"]).values():
        subprocess.run(["sh", "-n"], input=text, check=True)
        assert b"@HOME@" not in text


def test_an_embedded_value_like_a_placeholder_is_unchanged(shim_context):
    odd = ShimContext(
        "/@COMMAND@", shim_context.plans, shim_context.shims, shim_context.python, shim_context.site
    )
    assert b"__envmgr_home='/@COMMAND@'" in shim.files(odd, ["node"])["node"]


def test_only_a_single_root_is_embedded_as_home(tmp_path):
    assert shim.shim_context(single_root(str(tmp_path))).home == str(tmp_path)
    assert shim.shim_context(Paths("/data", "/settings", "/cache")).home == ""


def test_missing_shims_are_written_and_obsolete_ones_removed(tmp_path, shim_context):
    directory = tmp_path / "shims"
    shim.rewrite(str(directory), shim.files(shim_context, ["node", "npm"]))
    done = shim.rewrite(str(directory), shim.files(shim_context, ["npm", "go"]))
    assert (done.missing, done.stale, done.foreign) == (("go",), ("node",), ())
    assert sorted(os.listdir(directory)) == ["go", "npm"]
    assert stat.S_IMODE((directory / "go").stat().st_mode) & 0o111


def test_a_correct_shim_is_not_rewritten(tmp_path, shim_context):
    files = shim.files(shim_context, ["node"])
    shim.rewrite(str(tmp_path / "shims"), files)
    before = (tmp_path / "shims" / "node").stat().st_ino
    assert shim.rewrite(str(tmp_path / "shims"), files).missing == ()
    assert (tmp_path / "shims" / "node").stat().st_ino == before


def test_a_shim_without_execute_permission_is_rewritten(tmp_path, shim_context):
    files = shim.files(shim_context, ["node"])
    shim.rewrite(str(tmp_path / "shims"), files)
    (tmp_path / "shims" / "node").chmod(0o644)
    assert shim.rewrite(str(tmp_path / "shims"), files).missing == ("node",)


def test_foreign_files_are_neither_overwritten_nor_removed(tmp_path, shim_context):
    write(tmp_path / "shims", node=b"#!/bin/sh\nmine\n", other=b"mine too")
    done = shim.rewrite(str(tmp_path / "shims"), shim.files(shim_context, ["node"]))
    assert done.foreign == ("node",)
    assert (tmp_path / "shims" / "node").read_bytes() == b"#!/bin/sh\nmine\n"
    assert (tmp_path / "shims" / "other").exists()


def test_temporary_files_of_a_dead_writer_are_removed(tmp_path):
    write(tmp_path / "shims", **{".node.12.1.tmp": b""})
    assert shim.rewrite(str(tmp_path / "shims"), {}).stale == (".node.12.1.tmp",)


def test_comparing_writes_nothing(tmp_path, shim_context):
    result = shim.compare(str(tmp_path / "shims"), shim.files(shim_context, ["node"]))
    assert result.missing == ("node",)
    assert not (tmp_path / "shims").exists()


@pytest.mark.parametrize("content", [b"#!/bin/sh\n# some script\n", b"", b"\x7fELF"])
def test_other_files_are_not_shims(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert not shim_marker.is_shim(str(tmp_path / "x"))
    assert not shim_marker.is_shim(str(tmp_path / "gone"))
    assert not shim_marker.is_shim(str(tmp_path))

"""Directories of envmgr, and names encoded as file names."""

from __future__ import annotations

import os
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError
from envmgr.kit.paths import decode_file_name, file_name, resolve_paths, single_root

HOME = "APPDATA" if sys.platform == "win32" else "HOME"


def test_envmgr_home_is_single_root_for_everything(tmp_path):
    paths = resolve_paths(Environment({"ENVMGR_HOME": str(tmp_path / "r")}, str(tmp_path)))
    assert paths == single_root(str(tmp_path / "r"))
    assert paths.config_file == str(tmp_path / "r" / "config.toml")
    assert paths.global_file == str(tmp_path / "r" / "global.envmgr")
    directories = (
        paths.plugins,
        paths.installs,
        paths.shims,
        paths.plans,
        paths.locks,
        paths.staging,
        paths.logs,
    )
    assert [os.path.relpath(directory, tmp_path / "r") for directory in directories] == [
        "plugins",
        "installs",
        "shims",
        "plans",
        "locks",
        "staging",
        "logs",
    ]
    assert (paths.downloads, paths.index) == (
        os.path.join(paths.cache, "downloads"),
        os.path.join(paths.cache, "index"),
    )


@pytest.mark.parametrize(("root", "expected"), [("~", "home"), ("~/r", "home/r"), ("~/a/../r/", "home/r")])
def test_envmgr_home_may_start_with_a_tilde(tmp_path, root, expected):
    variables = {"ENVMGR_HOME": root, "HOME": str(tmp_path / "home"), "USERPROFILE": str(tmp_path / "home")}
    assert resolve_paths(Environment(variables, str(tmp_path))).data == str(tmp_path / expected)


@pytest.mark.parametrize("root", ["r", "./r", "../r", ".", "~other/r"])
def test_a_relative_envmgr_home_is_rejected(tmp_path, root):
    variables = {"ENVMGR_HOME": root, "HOME": "/home/me", "USERPROFILE": "/home/me"}
    with pytest.raises(ConfigError, match=f"ENVMGR_HOME must be an absolute path, got {re.escape(root)}"):
        resolve_paths(Environment(variables, str(tmp_path)))


def test_an_existing_directory_at_home_is_single_root(tmp_path):
    environment = Environment({HOME: str(tmp_path)}, "/")
    assert resolve_paths(environment).data != str(tmp_path / ".envmgr")
    (tmp_path / ".envmgr").mkdir()
    assert resolve_paths(environment) == single_root(str(tmp_path / ".envmgr"))


def test_a_file_of_that_name_at_home_is_a_dotfile_and_not_a_root(tmp_path):
    (tmp_path / ".envmgr").write_text("nodejs=20\n")
    assert resolve_paths(Environment({HOME: str(tmp_path)}, "/")).data != str(tmp_path / ".envmgr")


def test_the_platforms_directories_are_the_default(tmp_path):
    paths = resolve_paths(Environment({HOME: str(tmp_path)}, "/"))
    assert all("envmgr" in directory for directory in (paths.data, paths.settings, paths.cache))


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("nodejs", "nodejs"),
        ("npm:@scope/x", "npm%3A@scope%2Fx"),
        ("1.2.3+build~1", "1.2.3+build~1"),
        (".hidden", "%2Ehidden"),
        ("..", "%2E."),
        ("50%", "50%25"),
        ("é", "%C3%A9"),
        ("n\udcf6pe", "n%F6pe"),
        ("", ""),
    ],
)
def test_names_are_encoded_as_one_safe_component(name, encoded):
    assert file_name(name) == encoded
    assert decode_file_name(encoded) == name


@pytest.mark.parametrize("encoded", ["a b", "%3a", "%zz", "%", "n\udcf6pe", "é", ".hidden", "a/b"])
def test_other_file_names_are_no_encoding(encoded):
    with pytest.raises(ValueError, match=r"encoding of a name|invalid literal"):
        decode_file_name(encoded)


@given(st.text(st.characters(codec="utf-8")))
def test_encoded_names_are_unique_and_never_paths(name):
    encoded = file_name(name)
    assert decode_file_name(encoded) == name
    assert encoded.isascii()
    assert not set(encoded) & set('/\\:*?"<>|\0')
    assert encoded not in {".", ".."}


def test_an_installation_is_found_by_tool_and_version(tmp_path):
    paths = single_root(str(tmp_path))
    assert paths.install("pypi:ruff", "0.1") == os.path.join(str(tmp_path), "installs", "pypi%3Aruff", "0.1")

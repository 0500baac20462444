"""Versions as names of directories."""

from __future__ import annotations

import pytest

from envmgr.versions import is_folder_name


@pytest.mark.parametrize(
    "version", ["20.1.0", "3.12.4+20240726", "temurin-21.0.2+13.0.LTS", "1.0~rc1", "master", "a b"]
)
def test_a_version_valid_on_every_file_system_is_a_directory_name(version):
    assert is_folder_name(version)


@pytest.mark.parametrize(
    "version",
    [
        "",
        "a/b",
        "a\\b",
        ".",
        "..",
        ".hidden",
        "-1",
        "1:2",
        "1*",
        "1?",
        'a"b',
        "<1",
        ">1",
        "a|b",
        "1.",
        "1 ",
        " 1",
        "1\n",
        "a\x00",
        "ä",
        "con",
        "NUL.1",
        "COM1",
        "lpt9.x",
        "1" * 256,
    ],
)
def test_a_version_that_is_not_a_safe_path_is_not_a_directory_name(version):
    assert not is_folder_name(version)

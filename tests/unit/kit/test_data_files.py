"""Data files of envmgr, installed or in a checkout."""

from __future__ import annotations

import os

import pytest

from envmgr.kit import data_files


@pytest.mark.parametrize("name", ["plugins", "shims"])
def test_the_directories_of_a_checkout_are_found(name):
    assert os.path.isdir(data_files.directory(name))


def test_the_data_of_the_wheel_has_precedence(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "envmgr"
    (package / "_data" / "plugins").mkdir(parents=True)
    monkeypatch.setattr(data_files, "_PACKAGE", str(package))
    assert data_files.directory("plugins") == str(package / "_data" / "plugins")
    assert data_files.directory("shims") == str(tmp_path / "shims")

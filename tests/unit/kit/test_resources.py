"""What ships with envmgr is found, installed or in a checkout."""

from __future__ import annotations

import os

import pytest

from envmgr.kit import resources


@pytest.mark.parametrize("name", ["plugins", "shims"])
def test_the_directories_of_a_checkout_are_found(name):
    assert os.path.isdir(resources.directory(name))


def test_what_the_wheel_ships_comes_first(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "envmgr"
    (package / "_data" / "plugins").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", str(package))
    assert resources.directory("plugins") == str(package / "_data" / "plugins")
    assert resources.directory("shims") == str(tmp_path / "shims")

"""The finder of envmgr's own modules finds what Python's finders find."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

import pytest

import envmgr
from envmgr import kit
from envmgr.cli import module_finder
from envmgr.cli.module_finder import OwnModuleFinder


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("envmgr.kit", envmgr.__path__),
        ("envmgr.kit.paths", kit.__path__),
        ("envmgr.kit.http", kit.__path__),
    ],
)
def test_a_module_is_found_as_python_finds_it(name, path):
    spec, standard = OwnModuleFinder.find_spec(name, path), PathFinder.find_spec(name, path)
    assert (spec.name, spec.origin, spec.cached) == (standard.name, standard.origin, standard.cached)
    assert spec.submodule_search_locations == standard.submodule_search_locations
    assert type(spec.loader) is type(standard.loader)
    assert spec.has_location


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("envmgr", None),
        ("envmgr.absent", envmgr.__path__),
        ("envmgr.kit.paths", ["/archive.zip/envmgr/kit"]),
        ("json.decoder", ["/usr/lib/python3/json"]),
    ],
)
def test_any_other_module_is_left_to_the_next_finder(name, path):
    assert OwnModuleFinder.find_spec(name, path) is None


def test_it_is_installed_once(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = len(sys.meta_path)
    module_finder.install()
    module_finder.install()
    assert sys.meta_path[0] is OwnModuleFinder
    assert len(sys.meta_path) == before + 1

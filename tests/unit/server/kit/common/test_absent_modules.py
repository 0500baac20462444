"""Imports of libraries without an optional module."""

from __future__ import annotations

import sys

import pytest

from envmgr.server.kit.common.absent_modules import absent_module


def test_a_module_is_absent_within_the_block_only(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with absent_module("this"), pytest.raises(ImportError):
        import this  # noqa: F401 - must fail
    assert "this" not in sys.modules


def test_a_module_that_is_imported_stays():
    with absent_module("json"):
        import json
    assert sys.modules["json"] is json

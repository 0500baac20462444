"""Marks of tests that need programs: a missing one fails in continuous integration."""

from __future__ import annotations

import pytest

from support import requirements


@pytest.mark.parametrize(
    ("in_ci", "is_installed", "is_skipped"),
    [(False, True, False), (False, False, True), (True, True, False), (True, False, False)],
)
def test_what_is_missing_skips_tests_but_for_continuous_integration(
    monkeypatch, in_ci, is_installed, is_skipped
):
    monkeypatch.setattr(requirements, "IN_CI", in_ci)
    assert requirements.needs(is_installed, "it").args == (is_skipped,)


def test_missing_programs_are_named(monkeypatch):
    monkeypatch.setattr(requirements, "IN_CI", False)
    mark = requirements.needs_programs("sh", "no-such-program")
    assert mark.args == (True,)
    assert mark.kwargs["reason"] == "no-such-program is not installed"

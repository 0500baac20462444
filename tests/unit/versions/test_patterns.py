"""Patterns take time linear in the text."""

from __future__ import annotations

import time

import pytest

from envmgr.versions.patterns import VERSION, WILDCARD

LONG = 20_000
BUDGET = 0.5  # seconds; a pattern that backtracks over 20,000 characters takes minutes


@pytest.mark.parametrize("pattern", [VERSION, WILDCARD])
@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        ("", "1.", "!"),
        ("", "1_", "!"),
        ("1.0-", "a.", "!"),
        ("1.0-", "a-", "!"),
        ("1.0.", "x.", "!"),
        ("1.0", "rc1", "!"),
        ("1.0+", "a.", "!"),
        ("", "a-", "!"),
        ("", "a_", "!"),
        ("", "a-1", "!"),
        ("", "1.x-a", "!"),
        ("", "x.", "!"),
        ("v", " ", "!"),
        ("2024-05-", "01-", "!"),
        ("1.0.", "windows.", "!"),
        ("1.0", "p1", "!"),
    ],
)
def test_a_text_that_almost_matches_is_rejected_quickly(pattern, head, unit, tail):
    text = head + unit * (LONG // len(unit)) + tail
    started = time.process_time()

    assert pattern.fullmatch(text) is None
    assert time.process_time() - started < BUDGET

"""Matrices and properties, of which `make test` runs a sample and `make test-all` everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterable


def sample(values: Iterable[Any], *, every: int) -> list[Any]:
    """Return values as parameters, of which all but the first of each group of `every` are marked `slow`."""
    return [
        pytest.param(value, marks=[pytest.mark.slow] if number % every else [])
        for number, value in enumerate(values)
    ]


def examples(count: int) -> int:
    """Return the number of examples of a costly property.

    It is `count` where others have 100, and fewer in `make test` as for others.
    """
    return max(1, count * settings().max_examples // 100)

"""Matrices of parameters, of which `make test` runs a sample and `make test-all` everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def sample(values: Iterable[Any], *, every: int) -> list[Any]:
    """Return values as parameters, of which all but the first of each group of `every` are marked `slow`."""
    return [
        pytest.param(value, marks=[pytest.mark.slow] if number % every else [])
        for number, value in enumerate(values)
    ]

"""Fixtures of the catalog's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.registries.package_registries import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Return a machine in a directory of its own."""
    with Machine(tmp_path) as new_machine:
        yield new_machine

"""What tests of the catalog get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.registries.package_registries import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Give a machine of its own."""
    with Machine(tmp_path) as mine:
        yield mine

"""Environment variables that record which of them a program reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RecordedVariables(dict[str, str]):
    """Variables that record which of them are read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def get(self, name, default=None):
        """Return a variable, and record that it was read."""
        self.read.add(name)
        return super().get(name, default)

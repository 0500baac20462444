"""Imports of libraries without optional modules that they find but the server does not use."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def absent_module(name: str) -> Iterator[None]:
    """Raise ImportError for imports of a module, unless it is already imported."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # None: importing it raises ImportError
    try:
        yield
    finally:
        del sys.modules[name]

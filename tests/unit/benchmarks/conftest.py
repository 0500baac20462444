"""The pure package of the benchmarks, which are scripts beside the tests."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

# Not by a directory on the path: its other packages have the names of the tests' own.
if "report" not in sys.modules:
    package = ModuleType("report")
    package.__path__ = [str(Path(__file__).parents[3] / "benchmarks" / "report")]
    sys.modules["report"] = package

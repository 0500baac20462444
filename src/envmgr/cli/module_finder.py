"""Finder of envmgr's own modules, which knows where they are.

Python asks three finders for each module, and reads the directory of each package. Commands that read a project import
some fifty modules: finding them so takes a tenth of the time of Python's start.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import (  # what importlib exports, without importing that
    SourceFileLoader,
    spec_from_file_location,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_PREFIX = "envmgr."


class OwnModuleFinder:
    """Finds modules and packages below `envmgr` by their files; any others are left to the next finder."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that is in the first directory of its package, else None."""
        del target
        if path is None or not name.startswith(_PREFIX):
            return None
        base = f"{path[0]}{os.sep}{name.rpartition('.')[2]}"
        return _spec(name, f"{base}.py", None) or _spec(name, f"{base}{os.sep}__init__.py", [base])


def _spec(name: str, file: str, directories: list[str] | None) -> ModuleSpec | None:
    try:
        os.stat(file)
    except OSError:
        return None
    loader = SourceFileLoader(name, file)
    return spec_from_file_location(name, file, loader=loader, submodule_search_locations=directories)


def install() -> None:
    """Find envmgr's modules by this finder first."""
    if OwnModuleFinder not in sys.meta_path:
        sys.meta_path.insert(0, OwnModuleFinder)

"""Versions, specs and selection, with the standard library only.

Selection is imported when it is first used: commands about locked tools do not select.
"""

from __future__ import annotations

from envmgr.versions.aliases import PREFIXES, classify, resolve_aliases
from envmgr.versions.directory_names import is_folder_name
from envmgr.versions.errors import SpecError, VendorError, WordError
from envmgr.versions.spec import Spec, is_exact, parse_spec, split_requests
from envmgr.versions.version import Version, compare, compare_build, parse, pin, sort

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.versions.selection import Selection, max_satisfying, satisfies, select
else:

    def __getattr__(name: str) -> object:
        """Return a name of selection; raise AttributeError for any other."""
        if name not in {"Selection", "max_satisfying", "satisfies", "select"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from envmgr.versions import selection

        globals()[name] = value = getattr(selection, name)
        return value


__all__ = [
    "PREFIXES",
    "Selection",
    "Spec",
    "SpecError",
    "VendorError",
    "Version",
    "WordError",
    "classify",
    "compare",
    "compare_build",
    "is_exact",
    "is_folder_name",
    "max_satisfying",
    "parse",
    "parse_spec",
    "pin",
    "resolve_aliases",
    "satisfies",
    "select",
    "sort",
    "split_requests",
]

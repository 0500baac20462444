"""JSON parsing without importing `json`.

`json` imports `re`, and both take two thirds of Python's start-up time (7 ms to 10 ms, measured): too much for
commands that only read a small file. Its scanner is written in C and needs neither. `json` is the fallback without the
scanner and for invalid text, which it reports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    PairsHook = Callable[[list[tuple[str, object]]], object]

_BLANKS = " \t\n\r"
_CONSTANTS = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}


class _Rules:
    """Scanner settings, the same as those of `json.loads`."""

    strict = True
    object_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _CONSTANTS.__getitem__

    def __init__(self, object_pairs_hook: PairsHook | None) -> None:
        self.object_pairs_hook = object_pairs_hook


def loads(text: str, object_pairs_hook: PairsHook | None = None) -> object:
    """Parse JSON with the results and errors of `json.loads`."""
    try:
        from _json import make_scanner

        start = len(text) - len(text.lstrip(_BLANKS))
        rules = _Rules(object_pairs_hook)
        value, end = make_scanner(rules)(text, start)  # type: ignore[arg-type] # its stub requires a scanner
        if not text[end:].strip(_BLANKS):
            document: object = value
            return document
    except (ImportError, ValueError, StopIteration, SystemError):
        pass  # `json` reports the position; Python 3.11's scanner alone has no message for that
    import json

    return json.loads(text, object_pairs_hook=object_pairs_hook)

"""What can be wrong with a spec; all are ValueErrors, because a spec is a value somebody typed."""

from __future__ import annotations

_SHOWN = 60


class SpecError(ValueError):
    """A spec does not parse: `piece` is the part that cannot stand, `hint` what to write instead (or empty)."""

    def __init__(self, piece: str, problem: str, hint: str = "") -> None:
        shown = piece if len(piece) <= _SHOWN else f"{piece[:_SHOWN]}…"
        super().__init__(f"{shown!r} {problem}{f'; {hint}' if hint else ''}")
        self.piece = piece
        self.hint = hint


class WordError(ValueError):
    """A word means nothing for this tool, or its aliases never end; `words` is the chain that was followed."""

    def __init__(self, words: tuple[str, ...], problem: str) -> None:
        super().__init__(f"{' → '.join(words)}: {problem}")
        self.words = words


class VendorError(ValueError):
    """A spec names no vendor where several ship the tool; `vendors` are those there are."""

    def __init__(self, spec: str, vendors: tuple[str, ...]) -> None:
        super().__init__(f"{spec!r} names no vendor, and several ship this tool: {', '.join(vendors)}")
        self.vendors = vendors

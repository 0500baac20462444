"""Errors of specs; all are ValueErrors, because a spec is a typed value."""

from __future__ import annotations

_MAX_QUOTED_CHARS = 60


class SpecError(ValueError):
    """A spec is invalid: `piece` is the invalid part, `hint` the fix (or empty)."""

    def __init__(self, piece: str, problem: str, hint: str = "") -> None:
        quoted = piece if len(piece) <= _MAX_QUOTED_CHARS else f"{piece[:_MAX_QUOTED_CHARS]}…"
        super().__init__(f"{quoted!r}: {problem}{f'; {hint}' if hint else ''}")
        self.piece = piece
        self.hint = hint


class WordError(ValueError):
    """An unknown word, or aliases that form a cycle; `words` is the chain of aliases."""

    def __init__(self, words: tuple[str, ...], problem: str) -> None:
        super().__init__(f"{' → '.join(words)}: {problem}")
        self.words = words


class VendorError(ValueError):
    """A spec is ambiguous: several `vendors` provide the tool."""

    def __init__(self, spec: str, vendors: tuple[str, ...]) -> None:
        super().__init__(f"{spec!r} is ambiguous: several vendors provide this tool ({', '.join(vendors)})")
        self.vendors = vendors

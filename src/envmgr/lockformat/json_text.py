"""Decoding a lock's JSON text: no duplicate keys, errors with line and column."""

from __future__ import annotations

from envmgr.kit import fast_json
from envmgr.lockformat.errors import LockFormatError, quote

_CONFLICT_MARKERS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
_CONFLICT_HINT = (
    "resolve .envmgr, check out either side of this file (`git checkout --ours -- .envmgr.lock`), "
    "then run `envmgr lock`"
)


def decode(text: str) -> object:
    """Parse a lock's text as JSON; raise LockFormatError."""
    if not text.strip():
        raise LockFormatError((), "is empty")
    try:
        return fast_json.loads(text, _unique_keys)
    except RecursionError:
        raise LockFormatError((), "nested too deeply") from None
    except ValueError as error:
        raise _syntax_error(error, text) from None


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise LockFormatError((), f"duplicate key {quote(_first_duplicate(pairs))}")
    return table


def _first_duplicate(pairs: list[tuple[str, object]]) -> str:
    counts: dict[str, int] = {}
    for name, _ in pairs:
        counts[name] = counts.get(name, 0) + 1
    return max(counts, key=counts.__getitem__)


def _syntax_error(error: ValueError, text: str) -> LockFormatError:
    conflict = next(
        (n for n, line in enumerate(text.split("\n"), 1) if line.startswith(_CONFLICT_MARKERS)), None
    )
    if conflict:
        return LockFormatError((), "unresolved merge conflict", _CONFLICT_HINT, line=conflict)
    message, position = getattr(error, "msg", None), getattr(error, "pos", 0)
    if message is None:  # Python does not convert it
        return LockFormatError((), "number too long")
    is_truncated = position >= len(text.rstrip()) or message.startswith("Unterminated string")
    return LockFormatError(
        (),
        "truncated" if is_truncated else f"invalid JSON: {message}",
        line=getattr(error, "lineno", 1),
        column=getattr(error, "colno", 1),
    )

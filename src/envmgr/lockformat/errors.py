"""Errors of a lock's text, with the JSON path and what to do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

RESTORE = "restore it from version control, or remove it, and run `envmgr lock`"
_MAX_QUOTE_CHARS = 60


class LockFormatError(Exception):
    """Text that is not a lock: the `path` of JSON keys to the bad value, the problem and a hint.

    `line` and `column` (from 1) are set where the text is not JSON.
    """

    def __init__(
        self,
        path: tuple[str, ...],
        problem: str,
        hint: str = RESTORE,
        *,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem
        self.hint = hint
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """Return `tools.nodejs: problem`."""
        return f"{format_path(self.path)}: {self.problem}" if self.path else self.problem

    def describe(self, file: str) -> str:
        """Return the error after the file's name and, if known, the line and column."""
        position = "".join(f":{number}" for number in (self.line, self.column) if number)
        return f"{file}{position}: {self}"


class UnsupportedLockFormat(LockFormatError):
    """A lock in a newer format than this version supports."""

    @classmethod
    def of(cls, number: int, latest: int) -> Self:
        """Return the error for a format's number."""
        return cls(
            ("lockfile",),
            f"format {quote(number)} was written by a newer envmgr; the latest supported format is {latest}",
            "update envmgr",
        )


def format_path(path: tuple[str, ...]) -> str:
    """Format a JSON path: `tools.nodejs."20.19.5"`."""
    return ".".join(key if key.isidentifier() and key.isascii() else quote(key) for key in path)


def quote(value: object) -> str:
    """Format a value as JSON, shortened and with unprintable characters escaped."""
    import json

    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= _MAX_QUOTE_CHARS else f"{text[:_MAX_QUOTE_CHARS]}…"

"""A request: which versions of a tool are asked for, and who asks."""

from __future__ import annotations

from envmgr.kit.frozen import frozen

MAX_NAME_LENGTH = 200
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_NAME = _LOWER | frozenset("._+-")
_SOURCE = _LOWER | frozenset("-")
_LETTERS = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_PACKAGE = _LETTERS | frozenset(".+~-")


@frozen
class Origin:
    """Who asks: a file and line, an environment variable, or the command line."""

    kind: str  # "file" | "global" | "environment" | "argument"
    name: str  # the file's path or the variable's name; empty for an argument
    line: int | None = None
    column: int | None = None

    @property
    def exactly(self) -> str:
        """Spell it with the column, if that is known: `path:line:column`."""
        return f"{self}:{self.column}" if self.line and self.column else str(self)

    def __str__(self) -> str:
        """Spell it as people look it up: `path:line`, `$NAME`, `command line`."""
        if self.kind == "environment":
            return f"${self.name}"
        if self.kind == "argument":
            return "command line"
        return f"{self.name}:{self.line}" if self.line else self.name


@frozen
class Request:
    """The specs asked of one tool; the first is the default, all are on PATH."""

    tool: str
    specs: tuple[str, ...]
    origin: Origin

    @property
    def spec(self) -> str:
        """Return the default spec."""
        return self.specs[0]


def is_tool(text: str) -> bool:
    """Tell whether a text can name a tool: `nodejs`, `pypi:ruff`, `npm:@scope/name`, `github:cli/cli`."""
    if len(text) > MAX_NAME_LENGTH:
        return False
    source, colon, package = text.partition(":")
    if not colon:
        return _is_word(text, _LOWER, _NAME)
    parts = package.removeprefix("@").split("/")
    return _is_word(source, _LOWER, _SOURCE) and all(_is_word(part, _LETTERS, _PACKAGE) for part in parts)


def _is_word(text: str, first: frozenset[str], all_of: frozenset[str]) -> bool:
    return text[:1] in first and all_of.issuperset(text)


def key(tool: str, spec: str) -> str:
    """Spell a request as locks do."""
    return f"{tool}@{spec}"


def split_key(text: str) -> tuple[str, str]:
    """Undo `key`; the spec is empty where there is none. A scope's `@` belongs to the tool."""
    colon = text.partition("@")[0].find(":")
    at = text.find("@", colon + 2)
    return (text, "") if at < 0 else (text[:at], text[at + 1 :])

"""Requests for versions of a tool, and their origins."""

from __future__ import annotations

from envmgr.kit.frozen import frozen


@frozen
class Origin:
    """The origin of a request: a file and line, an environment variable, or the command line."""

    kind: str  # "file" | "global" | "environment" | "argument"
    name: str  # the file's path or the variable's name; empty for an argument
    line: int | None = None
    column: int | None = None

    @property
    def exactly(self) -> str:
        """Return the origin with its column, if known: `path:line:column`."""
        return f"{self}:{self.column}" if self.line and self.column else str(self)

    def __str__(self) -> str:
        """Return the origin for messages: `path:line`, `$NAME`, `command line`."""
        if self.kind == "environment":
            return f"${self.name}"
        if self.kind == "argument":
            return "command line"
        return f"{self.name}:{self.line}" if self.line else self.name


@frozen
class Request:
    """The requested specs of one tool; the first is the default, all are on PATH."""

    tool: str
    specs: tuple[str, ...]
    origin: Origin

    @property
    def spec(self) -> str:
        """Return the default spec."""
        return self.specs[0]

"""Names in a lock: tools, request keys and platforms."""

from __future__ import annotations

MAX_NAME_LENGTH = 200
MAX_SPEC_LENGTH = 1_024
MAX_PLATFORM_LENGTH = 60
_PLATFORM_PARTS = frozenset({2, 3})
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_NAME = _LOWER | frozenset("._+-")
_SOURCE = _LOWER | frozenset("-")
_LETTERS = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_PACKAGE = _LETTERS | frozenset(".+~-")


def is_tool(text: str) -> bool:
    """Return whether a text is a tool name: `nodejs`, `pypi:ruff`, `npm:@scope/name`, `github:cli/cli`."""
    if len(text) > MAX_NAME_LENGTH:
        return False
    source, colon, package = text.partition(":")
    if not colon:
        return _is_word(text, _LOWER, _NAME)
    parts = package.removeprefix("@").split("/")
    return _is_word(source, _LOWER, _SOURCE) and all(_is_word(part, _LETTERS, _PACKAGE) for part in parts)


def key(tool: str, spec: str) -> str:
    """Format a request as a lock's key: `nodejs@^20.1`."""
    return f"{tool}@{spec}"


def split_key(text: str) -> tuple[str, str]:
    """Split a key into the tool, with its scope's `@`, and the spec, which is empty if missing."""
    colon = text.partition("@")[0].find(":")
    at = text.find("@", colon + 2)
    return (text, "") if at < 0 else (text[:at], text[at + 1 :])


def is_key(text: str) -> bool:
    """Return whether a text is the key of a request."""
    tool, spec = split_key(text)
    return (
        is_tool(tool)
        and 0 < len(spec) <= MAX_SPEC_LENGTH
        and spec.isascii()
        and spec.isprintable()
        and spec == spec.strip()
    )


def is_platform(text: str) -> bool:
    """Return whether a text has the form of a platform key, including those of newer versions."""
    if len(text) > MAX_PLATFORM_LENGTH:
        return False
    parts = text.split("-")
    return len(parts) in _PLATFORM_PARTS and all(
        part.isascii() and part.isalnum() and part.islower() for part in parts
    )


def _is_word(text: str, first: frozenset[str], all_of: frozenset[str]) -> bool:
    return text[:1] in first and all_of.issuperset(text)

"""Editing of `config.toml` that keeps comments and order."""

from __future__ import annotations

import os

from envmgr.kit.errors import ConfigError
from envmgr.kit.fs import read_text, write_if_changed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Table = Mapping[str, object]

MAX_DIGITS = 9
_BOOLEANS = {"true": True, "false": False}
OWNER_ONLY = 0o600  # may contain a token


def read(path: str) -> dict[str, object]:
    """Return the file's table, empty if the file does not exist; raise ConfigError for invalid TOML."""
    return _parse(_text(path), path)


def write(path: str, name: str, value: object) -> bool:
    """Record a top-level key (None removes it), creating the file; return whether it changed."""
    text = _text(path)
    table = _parse(text, path)
    other_keys = {key: item for key, item in table.items() if key != name}
    new_table = other_keys if value is None else {**other_keys, name: value}
    if new_table == table:
        return False
    return write_if_changed(os.path.realpath(path), _edit(text, name, other_keys, new_table), OWNER_ONLY)


def _text(path: str) -> str:
    return (read_text(path) or "").removeprefix("\ufeff")


def _parse(text: str, path: str) -> dict[str, object]:
    plain_table = parse_plain(text)
    if plain_table is not None:
        return plain_table
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}", "fix the line, or remove the file") from None


def parse_plain(text: str) -> dict[str, object] | None:
    """Return the table of a text that has only lines such as `name = "value"`, else None.

    Most files are so, and importing tomllib takes half as long as starting Python.
    """
    table: dict[str, object] = {}
    for line in filter(None, text.split("\n")):
        name, _, written = line.partition(" = ")
        value = _plain_value(written)
        is_plain = line.isascii() and line.isprintable() and name.isidentifier() and name not in table
        if value is None or not is_plain:
            return None
        table[name] = value
    return table


def _plain_value(written: str) -> object | None:
    """Return a boolean, an integer or a text without escapes; None for any other value."""
    if written in _BOOLEANS:
        return _BOOLEANS[written]
    if written.isascii() and written.isdigit() and len(written) <= MAX_DIGITS:
        return int(written) if written == "0" or written[0] != "0" else None
    text = written[1:-1]
    return text if written == f'"{text}"' and '"' not in text and "\\" not in text else None


def _edit(text: str, name: str, other_keys: Table, new_table: Table) -> str:
    """Return the text with one key changed, keeping comments and order where possible."""
    import tomli_w

    lines = text.splitlines(keepends=True)
    start, end = _block(lines, name, other_keys)
    added = tomli_w.dumps({name: new_table[name]}) if name in new_table else ""
    edited = "".join([*lines[:start], *_missing_newline(lines[start - 1 : start]), added, *lines[end:]])
    return edited if _is_toml_of(edited, new_table) else tomli_w.dumps(new_table)


def _missing_newline(line_before: list[str]) -> list[str]:
    return ["\n"] if line_before and not line_before[0].endswith("\n") else []


def _block(lines: list[str], name: str, other_keys: Table) -> tuple[int, int]:
    """Return the line range of a key.

    The range of an absent key is empty, before the first table.
    """
    first_table = next((i for i, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    for start, line in enumerate(lines):
        if line.strip().lstrip("[ ").startswith(name):
            for end in range(start + 1, len(lines) + 1):
                if _is_toml_of("".join(lines[:start] + lines[end:]), other_keys):
                    return start, end
    return first_table, first_table


def _is_toml_of(text: str, table: Table) -> bool:
    """Return whether a text is a valid document with exactly these values."""
    import tomllib

    try:
        return tomllib.loads(text) == table
    except tomllib.TOMLDecodeError:
        return False

"""Expressions of manifests: field names or JMESPath (https://jmespath.org), with placeholders."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from envmgr.catalog import template

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_WORD = re.compile(r"[\w.+/@ -]*", re.ASCII)


class _JMESPath(Protocol):
    def compile(self, expression: str) -> object: ...

    def search(self, expression: str, data: object) -> object: ...


def find(expression: str, data: object, values: Mapping[str, str] | None = None) -> object:
    """Return the value of an expression in decoded JSON, or None; raise ValueError if it is invalid."""
    if _FIELD.fullmatch(expression):
        return cast("dict[str, object]", data).get(expression) if isinstance(data, dict) else None
    return _search(_fill(expression, values or {}), data)


def problem(expression: str) -> str | None:
    """Return why an expression does not compile, or None."""
    if _FIELD.fullmatch(expression):
        return None
    try:
        _engine().compile(_fill(expression, dict.fromkeys(template.PLACEHOLDERS, "x")))
    except ValueError as error:
        return str(error).partition("\n")[0]
    return None


def _search(expression: str, data: object) -> object:
    try:
        return _engine().search(expression, data)
    except ValueError as error:
        raise ValueError(f"the expression {expression!r}: {str(error).partition(chr(10))[0]}") from None


def _engine() -> _JMESPath:
    """Import JMESPath, which most commands do without; its errors are ValueErrors."""
    return cast("_JMESPath", import_module("jmespath"))


def _fill(expression: str, values: Mapping[str, str]) -> str:
    """Fill placeholders in; a value with quotes or the like, which could end a literal, counts as empty."""
    return template.fill(
        expression, {name: text if _WORD.fullmatch(text) else "" for name, text in values.items()}
    )

"""A quick test whether a manifest is valid by its JSON Schema.

Importing `jsonschema` takes longer than all else that reading a manifest does, and nearly all manifests are valid. The
keywords are those that `plugin.schema.json` uses. What this test does not accept, `jsonschema` decides and explains.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Schema = Mapping[str, object]
    Test = Callable[[object, object, Schema, Schema], bool]

_ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "default", "examples"})


class Undecided(Exception):
    """This module does not know a keyword, or how to compare values."""


def is_accepted(value: object, schema: Schema) -> bool:
    """Return whether a value is certainly valid."""
    try:
        return _is_valid(value, schema, schema)
    except (Undecided, RecursionError):
        return False


def _is_valid(value: object, schema: object, root: Schema) -> bool:
    if isinstance(schema, bool):
        return schema
    keywords = cast("Schema", schema)
    return all(
        _test_of(keyword)(value, argument, keywords, root)
        for keyword, argument in keywords.items()
        if keyword not in _ANNOTATIONS
    )


def _test_of(keyword: str) -> Test:
    if keyword not in _TESTS:
        raise Undecided(keyword)
    return _TESTS[keyword]


def _is_of_type(value: object, names: object, _schema: Schema, _root: Schema) -> bool:
    return any(_TYPES[str(name)](value) for name in (names if isinstance(names, list) else [names]))


def _is_integer(value: object) -> bool:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return is_whole and not isinstance(value, bool)


_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": _is_integer,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def _is_valid_by_reference(value: object, reference: object, _schema: Schema, root: Schema) -> bool:
    return _is_valid(value, _definition(str(reference), root), root)


def _definition(reference: str, root: Schema) -> object:
    """Return the part of the schema at a reference such as `#/$defs/template`."""
    start, *names = reference.split("/")
    definition: object = root
    for name in names:
        if start != "#" or not isinstance(definition, dict) or name not in definition:
            raise Undecided(reference)
        definition = definition[name]
    return definition


def _is_constant(value: object, constant: object, _schema: Schema, _root: Schema) -> bool:
    return value == _text(constant)


def _is_in(value: object, constants: object, _schema: Schema, _root: Schema) -> bool:
    return value in [_text(constant) for constant in cast("list[object]", constants)]


def _text(constant: object) -> str:
    """Return a constant that is a text; JSON's numbers and booleans are not equal as Python's are."""
    if not isinstance(constant, str):
        raise Undecided(constant)
    return constant


def _is_matched(value: object, pattern: object, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, str) or re.search(str(pattern), value) is not None


def _has_members(value: object, names: object, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, dict) or all(name in value for name in cast("list[str]", names))


def _has_valid_members(value: object, schemas: object, _schema: Schema, root: Schema) -> bool:
    members = cast("dict[str, Schema]", schemas)
    return not isinstance(value, dict) or all(
        _is_valid(value[name], members[name], root) for name in members.keys() & value.keys()
    )


def _has_valid_other_members(value: object, others: object, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    described = cast("dict[str, Schema]", schema.get("properties", {}))
    return all(_is_valid(value[name], others, root) for name in value.keys() - described.keys())


def _has_valid_names(value: object, names: object, _schema: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(_is_valid(name, names, root) for name in value)


def _has_valid_items(value: object, items: object, _schema: Schema, root: Schema) -> bool:
    return not isinstance(value, list) or all(_is_valid(item, items, root) for item in value)


def _has_unique_items(value: object, _required: object, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, list) or len({_text(item) for item in value}) == len(value)


def _is_valid_by_condition(value: object, condition: object, schema: Schema, root: Schema) -> bool:
    branch = "then" if _is_valid(value, condition, root) else "else"
    return _is_valid(value, schema.get(branch, True), root)


def _is_valid_by_all(value: object, schemas: object, _schema: Schema, root: Schema) -> bool:
    return all(_is_valid(value, item, root) for item in cast("list[object]", schemas))


def _limit(kind: type | tuple[type, ...], measure: Callable[[object], float], *, is_upper: bool) -> Test:
    """Return the test of a limit, which values of other kinds do not have."""

    def is_within(value: object, limit: object, _schema: Schema, _root: Schema) -> bool:
        if not isinstance(value, kind) or isinstance(value, bool):
            return True
        bound = cast("float", limit)
        return not (measure(value) > bound if is_upper else measure(value) < bound)

    return is_within


def _length(value: object) -> int:
    return len(cast("str | list[object] | dict[str, object]", value))


def _number(value: object) -> float:
    return cast("float", value)


def _is_accepted_elsewhere(_value: object, _argument: object, _schema: Schema, _root: Schema) -> bool:
    return True


_TESTS: dict[str, Test] = {
    "type": _is_of_type,
    "$ref": _is_valid_by_reference,
    "const": _is_constant,
    "enum": _is_in,
    "pattern": _is_matched,
    "required": _has_members,
    "properties": _has_valid_members,
    "additionalProperties": _has_valid_other_members,
    "propertyNames": _has_valid_names,
    "items": _has_valid_items,
    "uniqueItems": _has_unique_items,
    "allOf": _is_valid_by_all,
    "if": _is_valid_by_condition,
    "then": _is_accepted_elsewhere,
    "else": _is_accepted_elsewhere,
    "minLength": _limit(str, _length, is_upper=False),
    "maxLength": _limit(str, _length, is_upper=True),
    "minItems": _limit(list, _length, is_upper=False),
    "minProperties": _limit(dict, _length, is_upper=False),
    "minimum": _limit((int, float), _number, is_upper=False),
    "maximum": _limit((int, float), _number, is_upper=True),
}

"""Evaluator of JSON schemas (2020-12): whether a value is valid, and not why it is invalid.

It takes a hundredth of the time that importing a validator with messages takes, for the keywords that are in `_RULES`.
A schema with others is undecidable here, and a validator must decide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Schema = Mapping[str, object]
    Evaluate = Callable[[object, object], bool]
    Rule = Callable[[object, Schema, object, Evaluate], bool]


class UndecidableSchema(Exception):
    """A schema has a keyword, or a value for one, that is not supported here."""


def is_valid(value: object, schema: Schema) -> bool:
    """Return whether a value of JSON is valid by a schema; raise UndecidableSchema."""

    def is_accepted(subschema: object, part: object) -> bool:
        if isinstance(subschema, bool):
            return subschema
        rules = cast("Schema", subschema)
        if "$ref" in rules and not is_accepted(_resolve(rules["$ref"], schema), part):
            return False
        return all(
            _rule(keyword)(argument, rules, part, is_accepted)
            for keyword, argument in rules.items()
            if keyword not in _ANNOTATIONS
        )

    return is_accepted(schema, value)


def _rule(keyword: str) -> Rule:
    try:
        return _RULES[keyword]
    except KeyError:
        raise UndecidableSchema(keyword) from None


def _resolve(reference: object, root: Schema) -> object:
    """Return the schema at a JSON pointer of the same document."""
    head, *names = str(reference).split("/")
    if head != "#" or not {"~", "%"}.isdisjoint(str(reference)):
        raise UndecidableSchema(f"$ref: {reference}")
    schema: object = root
    for name in names:
        schema = cast("Schema", schema)[name]
    return schema


def _is_of_type(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    names = argument if isinstance(argument, list) else [argument]
    return any(_has_type(value, name) for name in names)


def _has_type(value: object, name: object) -> bool:
    if name not in _TYPES:
        raise UndecidableSchema(f"type: {name}")
    if name == "integer":
        is_whole = isinstance(value, float) and value.is_integer()
        return is_whole or (isinstance(value, int) and not isinstance(value, bool))
    return isinstance(value, _TYPES[str(name)])


def _is_const(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return _is_equal(argument, value)


def _is_in_enum(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return any(_is_equal(item, value) for item in cast("list[object]", argument))


def _is_equal(argument: object, value: object) -> bool:
    """Return whether a value equals a string; raise UndecidableSchema for other arguments.

    Those are equal by rules that are not Python's (1 and true).
    """
    if not isinstance(argument, str):
        raise UndecidableSchema(f"comparison with {argument!r}")
    return argument == value


def _has_pattern(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not isinstance(value, str) or re.search(str(argument), value) is not None


def _has_min_length(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not isinstance(value, str) or len(value) >= cast("int", argument)


def _has_max_length(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not isinstance(value, str) or len(value) <= cast("int", argument)


def _is_at_least(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not _is_number(value) or cast("float", value) >= cast("int", argument)


def _is_at_most(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not _is_number(value) or cast("float", value) <= cast("int", argument)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_valid_items(argument: object, _: Schema, value: object, is_accepted: Evaluate) -> bool:
    return not isinstance(value, list) or all(is_accepted(argument, item) for item in value)


def _has_min_items(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not isinstance(value, list) or len(value) >= cast("int", argument)


def _has_unique_items(_: object, __: Schema, value: object, ___: Evaluate) -> bool:
    if not isinstance(value, list):
        return True
    if not all(isinstance(item, str) for item in value):
        raise UndecidableSchema("uniqueItems of other values than strings")
    return len(set(value)) == len(value)


def _has_required(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not isinstance(value, dict) or all(name in value for name in cast("list[str]", argument))


def _has_min_properties(argument: object, _: Schema, value: object, __: Evaluate) -> bool:
    return not isinstance(value, dict) or len(value) >= cast("int", argument)


def _has_valid_properties(argument: object, _: Schema, value: object, is_accepted: Evaluate) -> bool:
    schemas = cast("Schema", argument)
    return not isinstance(value, dict) or all(
        is_accepted(schemas[name], item) for name, item in value.items() if name in schemas
    )


def _has_valid_names(argument: object, _: Schema, value: object, is_accepted: Evaluate) -> bool:
    return not isinstance(value, dict) or all(is_accepted(argument, name) for name in value)


def _has_valid_extras(argument: object, schema: Schema, value: object, is_accepted: Evaluate) -> bool:
    declared = cast("Schema", schema.get("properties", {}))
    return not isinstance(value, dict) or all(
        is_accepted(argument, item) for name, item in value.items() if name not in declared
    )


def _is_valid_by_all(argument: object, _: Schema, value: object, is_accepted: Evaluate) -> bool:
    return all(is_accepted(schema, value) for schema in cast("list[object]", argument))


def _is_valid_by_branch(argument: object, schema: Schema, value: object, is_accepted: Evaluate) -> bool:
    return is_accepted(schema.get("then" if is_accepted(argument, value) else "else", True), value)


_TYPES: dict[str, type] = {
    "string": str,
    "object": dict,
    "array": list,
    "boolean": bool,
    "null": type(None),
    "integer": int,
}
_ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description", "$ref", "then", "else"})
"""Keywords that assert nothing, or that are evaluated with another."""

_RULES: dict[str, Rule] = {
    "type": _is_of_type,
    "const": _is_const,
    "enum": _is_in_enum,
    "pattern": _has_pattern,
    "minLength": _has_min_length,
    "maxLength": _has_max_length,
    "minimum": _is_at_least,
    "maximum": _is_at_most,
    "items": _has_valid_items,
    "minItems": _has_min_items,
    "uniqueItems": _has_unique_items,
    "required": _has_required,
    "minProperties": _has_min_properties,
    "properties": _has_valid_properties,
    "propertyNames": _has_valid_names,
    "additionalProperties": _has_valid_extras,
    "allOf": _is_valid_by_all,
    "if": _is_valid_by_branch,
}

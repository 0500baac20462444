"""A schema is evaluated as the library `jsonschema` does, or not at all."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from envmgr.catalog.schema.json_schema import UndecidableSchema, is_valid

SCHEMAS = [
    *({"type": name} for name in ("string", "object", "array", "boolean", "null", "integer")),
    {"type": ["string", "null"]},
    {"const": "a"},
    {"enum": ["a", "ab"]},
    {"pattern": "^b|b$"},
    {"minLength": 1, "maxLength": 2},
    {"minimum": 1, "maximum": 2},
    {"items": {"type": "string"}, "minItems": 1},
    {"required": ["a"], "minProperties": 2},
    {"properties": {"a": {"type": "string"}, "b": False}},
    {"properties": {"a": True}, "additionalProperties": False},
    {"properties": {"a": {}}, "additionalProperties": {"type": "null"}},
    {"additionalProperties": {"type": "integer"}},
    {"propertyNames": {"pattern": "^a"}},
    {"allOf": [{"type": "object"}, {"required": ["b"]}]},
    {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "array"}},
    {"if": {"required": ["a"]}, "then": {"properties": {"a": {"const": "a"}}}},
    {"if": {"type": "string"}, "else": {"type": "integer"}},
    {"then": False, "else": False, "title": "", "description": "", "$schema": "x"},
    {"$ref": "#/$defs/name", "minLength": 2, "$defs": {"name": {"type": "string"}}},
    {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
    {"uniqueItems": True},
    True,
    False,
]
VALUES = [
    *("", "a", "b", "ab", "bcd", "b\n", "é"),
    *(None, True, False, 0, 1, 2, 3, -1, 1.0, 1.5, 2.5, 10**30),
    *([], ["a"], ["a", "b"], ["a", "a"], [1], [None, "a"]),
    *({}, {"a": "a"}, {"a": 1}, {"b": None}, {"a": None, "b": "b"}, {"a": {"a": {}}}, {"a": {"b": 1}}),
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_each_keyword_is_evaluated_as_by_the_library(schema):
    validator = Draft202012Validator(schema)
    strings_only = schema == {"uniqueItems": True}
    for value in VALUES:
        if strings_only and isinstance(value, list) and not all(isinstance(item, str) for item in value):
            continue  # undecidable, below
        assert is_valid(value, schema) == validator.is_valid(value), value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"oneOf": [{}]}, 1),
        ({"if": {"not": {}}, "else": True}, 1),
        ({"type": "number"}, 1),
        ({"const": 1}, True),
        ({"enum": ["a", None]}, None),
        ({"uniqueItems": True}, [1, True]),
        ({"$ref": "other.json"}, 1),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {}}}, 1),
        ({"properties": {"a": {"format": "uri"}}}, {"a": "x"}),
    ],
    ids=str,
)
def test_what_is_not_supported_is_undecidable(schema, value):
    with pytest.raises(UndecidableSchema):
        is_valid(value, schema)

"""Check of manifests against the published JSON Schema.

Importing `jsonschema` takes longer than all else that an installation does before its first request. So it is imported
only to describe the issues of an invalid manifest.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from envmgr.catalog import lint_values as values
from envmgr.catalog.manifest_fields import table
from envmgr.catalog.schema import json_schema
from envmgr.kit import data_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError

_NOT_SUPPORTED = {"foreign_files": "files of other version managers (.nvmrc) are not read"}


@lru_cache(maxsize=1)
def read_schema() -> Mapping[str, object]:
    """Return the published schema."""
    path = os.path.join(data_files.directory("plugins"), "plugin.schema.json")
    with open(path, encoding="utf-8") as file:
        return cast("dict[str, object]", json.load(file))


def find_issues(data: Mapping[str, object]) -> Sequence[str]:
    """Return the issues of a manifest by the schema, each with its JSON path."""
    return () if _is_valid(data) else _describe_issues(data)


def _is_valid(data: Mapping[str, object]) -> bool:
    try:
        return json_schema.is_valid(data, read_schema())
    except json_schema.UndecidableSchema:
        return False


def _describe_issues(data: Mapping[str, object]) -> Sequence[str]:
    """Return the issues, none for a valid manifest; raise RecursionError."""
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(read_schema()).iter_errors(data), key=lambda error: error.json_path)
    return [
        f"{error.json_path}: {_describe(error)}"
        for error in errors
        if not _is_kind_of_signature(error)  # `signing` reports it in more detail
    ]


def _is_kind_of_signature(error: ValidationError) -> bool:
    return error.validator == "enum" and list(error.absolute_path)[-2:] == ["signature", "kind"]


def _describe(error: ValidationError) -> str:
    """Return the message of a schema error for the author of a manifest."""
    if error.validator == "additionalProperties":
        return "; ".join(_unknown_field_issues(error))
    if error.validator == "required":
        return error.message.replace("is a required property", "is missing")
    if error.validator == "minProperties":
        return "must not be empty"
    if error.validator in {"pattern", "enum"} and error.schema_path and "propertyNames" in error.schema_path:
        return f"invalid name {error.instance!r}"
    if error.validator == "pattern" and "keys" in error.absolute_path:
        return f"invalid minisign public key {error.instance!r}: expected 56 characters that begin with RW"
    message = error.message
    return (
        message if len(message) <= values.MAX_MESSAGE_LENGTH else f"{message[: values.MAX_MESSAGE_LENGTH]} …"
    )


def _unknown_field_issues(error: ValidationError) -> Iterator[str]:
    from envmgr.kit.suggest import closest

    properties = table(cast("dict[str, object]", error.schema), "properties")
    for name in cast("dict[str, object]", error.instance):
        if name in _NOT_SUPPORTED:
            yield f"the field {name!r} is not supported: {_NOT_SUPPORTED[name]}"
        elif name not in properties:
            suggestions = closest(name, properties, 1)
            yield f"unknown field {name!r}" + (f"; did you mean {suggestions[0]!r}?" if suggestions else "")

"""Check of manifests against the published JSON Schema, once for each content.

Importing `jsonschema` takes longer than all else that reading a manifest does. So manifests without issues are recorded
in the cache. The record decides nothing else: all other checks run each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from envmgr.catalog import lint_values as values
from envmgr.catalog.manifest_fields import table
from envmgr.catalog.manifest_reader import digest_of
from envmgr.kit import data_files
from envmgr.kit.errors import StorageError
from envmgr.kit.fs import read_bytes, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError

    from envmgr.kit.paths import Paths

MAX_RECORDED = 1000
"""Manifests in the record; the oldest are removed."""

_DIGEST = re.compile(rb"[0-9a-f]{64}")
_LINE_BYTES = 65
_NOT_SUPPORTED = {"foreign_files": "files of other version managers (.nvmrc) are not read"}


class CheckedManifests:
    """The record of manifests without issues; one that cannot be read or written is empty."""

    def __init__(self, paths: Paths) -> None:
        self._path = file_of(paths)

    def find_issues(self, data: Mapping[str, object]) -> Sequence[str]:
        """Return the issues of a manifest, without a check if it is recorded; raise RecursionError."""
        digest = _digest(data)
        if digest in self._read():
            return ()
        issues = find_issues(data)
        if not issues:
            self._add(digest)
        return issues

    def _read(self) -> list[str]:
        try:
            content = read_bytes(self._path, MAX_RECORDED * _LINE_BYTES) or b""
        except StorageError:
            return []
        return [line.decode() for line in content.split(b"\n") if _DIGEST.fullmatch(line)]

    def _add(self, digest: str) -> None:
        digests = [*self._read(), digest][-MAX_RECORDED:]
        try:  # noqa: SIM105 - the comment is on the branch
            write_atomic(self._path, "".join(f"{item}\n" for item in digests), 0o600)
        except StorageError:  # it is only a cache
            pass


def file_of(paths: Paths) -> str:
    """Return the file of the record."""
    return os.path.join(paths.cache, "checked-manifests")


def _digest(data: Mapping[str, object]) -> str:
    """Return a digest of a manifest and the schema."""
    content = f"{hashlib.sha256(_schema_text().encode()).hexdigest()} {digest_of(data)}"
    return hashlib.sha256(content.encode()).hexdigest()


@lru_cache(maxsize=1)
def read_schema() -> Mapping[str, object]:
    """Return the published schema."""
    return cast("dict[str, object]", json.loads(_schema_text()))


@lru_cache(maxsize=1)
def _schema_text() -> str:
    path = os.path.join(data_files.directory("plugins"), "plugin.schema.json")
    with open(path, encoding="utf-8") as file:
        return file.read()


def find_issues(data: Mapping[str, object]) -> Sequence[str]:
    """Return the issues of a manifest by the schema, each with its JSON path."""
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

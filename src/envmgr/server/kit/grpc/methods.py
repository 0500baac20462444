"""Declarations of methods: whether they may be repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import MethodOptions

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor


def find_method(path: str) -> MethodDescriptor:
    """Return a method by its path, `/package.Service/Method`; raise KeyError."""
    name = path.removeprefix("/").replace("/", ".")
    method: MethodDescriptor = descriptor_pool.Default().FindMethodByName(name)
    return method


def is_idempotent(method: MethodDescriptor) -> bool:
    """Return whether a method may be repeated, by its declaration."""
    level: int = method.GetOptions().idempotency_level
    return level != MethodOptions.IDEMPOTENCY_UNKNOWN

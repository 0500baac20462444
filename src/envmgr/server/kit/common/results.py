"""Result of a use case that may create a resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """A value; whether this request created it, and whether it is a replayed response."""

    value: T
    created: bool = True
    replayed: bool = False

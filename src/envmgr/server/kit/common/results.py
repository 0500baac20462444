"""What a use case that may create something answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """A value; whether this call created it, and whether the answer repeats an earlier one to the same key."""

    value: T
    created: bool = True
    replayed: bool = False

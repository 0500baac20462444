"""Checks of the numbers that options and arguments accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[int | None], int | None]


def check_minimum(minimum: int) -> Check:
    """Return a check that a number has at least a value; an omitted one passes."""

    def check(number: int | None) -> int | None:
        if number is not None and number < minimum:
            raise typer.BadParameter(f"expected at least {minimum}")
        return number

    return check


def between(minimum: int, maximum: int) -> Check:
    """Return a check that a number is in a range; an omitted one passes."""

    def check(number: int | None) -> int | None:
        if number is not None and not minimum <= number <= maximum:
            raise typer.BadParameter(f"expected {minimum} to {maximum}")
        return number

    return check

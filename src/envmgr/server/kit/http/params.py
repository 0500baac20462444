"""Query parameters that operations share."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from litestar.params import Parameter

from envmgr.server.kit.common.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

Limit = Annotated[int, Parameter(ge=1, le=MAX_PAGE_SIZE, description="How many items at most.")]

Cursor = Annotated[
    str | None, Parameter(max_length=1000, description="From the `Link` header of the page before.")
]


def param_from(field: Any, description: str) -> Any:
    """Make of a field of the contract a parameter that holds the same: within `… | None`, it would be forgotten."""
    meta = get_args(field)[1]
    return Parameter(
        pattern=meta.pattern,
        max_length=meta.max_length,
        ge=meta.ge,
        le=meta.le,
        schema_extra={"examples": meta.examples} if meta.examples else None,
        description=description,
    )


def sort_param(*fields: str) -> Any:
    """Make the parameter by which a list can be sorted: by these fields, which its `Listing` knows."""
    choices = [sign + field for field in fields for sign in ("", "-")]
    # What is none of these is refused where the list is read, which says which there are.
    return Parameter(
        max_length=40,
        schema_extra={"enum": choices},
        description="A field; with `-` before it, newest or highest first.",
    )


__all__ = ["DEFAULT_PAGE_SIZE", "Cursor", "Limit", "param_from", "sort_param"]

"""Query parameters shared by operations."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from litestar.params import Parameter

from envmgr.server.kit.common.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

Limit = Annotated[int, Parameter(ge=1, le=MAX_PAGE_SIZE, description="Maximum number of items to return.")]

Cursor = Annotated[
    str | None, Parameter(max_length=1000, description="Cursor from the previous page's `Link` header.")
]


def param_from(field: Any, description: str) -> Any:
    """Return a query parameter with the constraints of a contract field, which `… | None` would lose."""
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
    """Return the sort parameter for these fields."""
    choices = [sign + field for field in fields for sign in ("", "-")]
    # Unknown fields are refused where the list is read, which names the allowed ones.
    return Parameter(
        max_length=40,
        schema_extra={"enum": choices},
        description="Sort field; prefix with `-` for descending order.",
    )


__all__ = ["DEFAULT_PAGE_SIZE", "Cursor", "Limit", "param_from", "sort_param"]

"""Licence expressions of SPDX: https://spdx.org/licenses/."""

from __future__ import annotations


def license_expression(text: str) -> str | None:
    """Return a text as a normalized SPDX expression, or None if it is not one."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None

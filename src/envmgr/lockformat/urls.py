"""URLs that a lock may hold."""

from __future__ import annotations

PACKAGE_SCHEMES = ("pypi", "npm")
"""Schemes of package sources: `scheme:path`, without a host. Each is declared by a source of the catalog."""

SCHEMES = ("https", "http", "file")
MAX_URL_LENGTH = 4_096


def url_problem(url: str) -> str | None:
    """Return why a URL is not allowed in a lock, without repeating credentials; None if it is allowed."""
    scheme, _, remainder = url.partition(":")
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        return "is not a valid URL"
    if scheme in PACKAGE_SCHEMES:
        return None if remainder else "has no release path"
    if scheme not in SCHEMES:
        return f"scheme must be one of {', '.join((*SCHEMES, *PACKAGE_SCHEMES))}"
    authority, _, path = remainder.removeprefix("//").partition("/")
    if not remainder.startswith("//") or not (path if scheme == "file" else authority):
        return "has no host" if scheme != "file" else "has no path"
    return "contains credentials" if "@" in authority else None

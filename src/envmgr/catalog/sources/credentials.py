"""User names and passwords inside URLs: taken out, and sent as a header to the one host they are for."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

Headers = dict[str, str]


def split(url: str) -> tuple[str, Headers]:
    """Part a URL from its credentials; return it without them, and the header that carries them."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    name, _, password = user.partition(":")
    return urlunsplit(parts._replace(netloc=host)), basic(unquote(name), unquote(password))


def basic(user: str, password: str) -> Headers:
    """Spell HTTP's basic authentication (RFC 7617)."""
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def for_host(url: str, index: str, headers: Headers) -> Headers:
    """Return headers meant for an index, if a URL leads to that same host and port; else none."""
    return headers if urlsplit(url).netloc == urlsplit(index).netloc else {}

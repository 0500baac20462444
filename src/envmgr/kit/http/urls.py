"""URLs: what may be shown of them, where they lead, and what mirrors make of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from envmgr.kit.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECRET_WORDS = ("token", "key", "secret", "sig", "pass", "auth", "cred", "jwt", "verify", "policy")
_MAX_VALUE_LENGTH = 32
_PORTS = {"http": 80, "https": 443}


def split(url: str) -> SplitResult:
    """Parse a URL; raise NetworkError if it is invalid."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        raise NetworkError(f"invalid URL: {redacted(url)}") from None
    if parts.scheme not in {"https", "http", "file"} or (parts.scheme != "file" and not parts.hostname):
        raise NetworkError(f"unsupported URL scheme: {redacted(url)}")
    return parts


def redacted(url: str) -> str:
    """Format a URL for people: no user, no password, no signature in its query, no fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2].partition("?")[0]
    query = "&".join(f"{name}={_redacted_value(name, value)}" for name, value in parse_qsl(parts.query))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment=""))


def _redacted_value(name: str, value: str) -> str:
    is_secret = any(word in name.lower() for word in _SECRET_WORDS) or len(value) > _MAX_VALUE_LENGTH
    return "…" if is_secret else quote(value, safe="/:,")


def without_credentials(url: str) -> str:
    """Return a URL without credentials and fragment."""
    parts = split(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def normalize_server_url(text: str) -> str:
    """Format a server's address the one way it is known by; without a scheme it is https, or http on this machine.

    Raise NetworkError for what is none, and for one that carries credentials or a query.
    """
    word = text.strip()
    if "://" not in word:
        word = f"{'http' if is_loopback(f'http://{word}') else 'https'}://{word}"
    parts = split(word)
    if parts.scheme == "file" or parts.query or parts.fragment or "@" in parts.netloc:
        raise NetworkError(f"invalid server URL: {redacted(word)}")
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}{parts.path.rstrip('/')}"


def lock_url(url: str) -> str:
    """Return an archive's URL as it is recorded: `bare`; the name of a package (`npm:prettier/3.0.0`) as it is."""
    return without_credentials(url) if "://" in url else url


def credentials(url: str) -> tuple[str, str] | None:
    """Return the user and password a URL carries."""
    parts = split(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def host(url: str) -> str:
    """Return a URL's host and, where it is not the usual one, its port; a file has none."""
    parts = split(url)
    port = "" if parts.port in {None, _PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.hostname or ''}{port}"


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    name = split(url).hostname or ""
    return name in {"localhost", "::1"} or name.endswith(".localhost") or _is_127(name)


def _is_127(name: str) -> bool:
    numbers = name.split(".")
    return numbers[0] == "127" and len(numbers) == 4 and all(n.isascii() and n.isdigit() for n in numbers)  # noqa: PLR2004 - an IPv4 address


def same_authority(url: str, other: str) -> bool:
    """Return whether what one URL may know, the other may: the same host and port, or the step up to https."""
    before, after = split(url), split(other)
    ports = [parts.port or _PORTS.get(parts.scheme) for parts in (before, after)]
    steps_up = (before.scheme, after.scheme) == ("http", "https") and ports == [80, 443]
    same_scheme = before.scheme == after.scheme and ports[0] == ports[1]
    return before.hostname == after.hostname and (same_scheme or steps_up)


def apply_mirror(url: str, mirrors: Iterable[tuple[str, str]]) -> str:
    """Replace the longest prefix that is mirrored; a prefix that ends in a host matches only that whole host."""
    for before, after in sorted(mirrors, key=lambda pair: len(pair[0]), reverse=True):
        rest = url.removeprefix(before)
        if url.startswith(before) and (rest[:1] in {"", "/", "?"} or _has_path(before)):
            return after + rest
    return url


def _has_path(prefix: str) -> bool:
    return "/" in prefix.partition("://")[2]

"""URLs: redaction, comparison, mirrors, without I/O."""

from __future__ import annotations

import sys
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from envmgr.kit.errors import NetworkError

TYPE_CHECKING = False
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
        url.encode()  # bytes of a command line that are not UTF-8 are lone surrogates
    except ValueError:
        raise NetworkError(f"invalid URL: {redact(url)}") from None
    if parts.scheme not in {"https", "http", "file"} or (parts.scheme != "file" and not parts.hostname):
        raise NetworkError(f"unsupported URL scheme: {redact(url)}")
    return parts


def redact(url: str) -> str:
    """Return a URL for display: without user, password, query secrets and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2].partition("?")[0]
    query = "&".join(f"{name}={_redacted_value(name, value)}" for name, value in parse_qsl(parts.query))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment=""))


def _redacted_value(name: str, value: str) -> str:
    is_secret = any(word in name.lower() for word in _SECRET_WORDS) or len(value) > _MAX_VALUE_LENGTH
    return "…" if is_secret else quote(value, safe="/:,", errors="surrogatepass")


def is_https(url: str | None) -> bool:
    """Return whether a URL is of an encrypted connection; None is not."""
    return url is not None and url.lower().startswith("https:")


def without_credentials(url: str) -> str:
    """Return a URL without credentials and fragment."""
    parts = split(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def normalize_server_url(text: str) -> str:
    """Return a server's URL in normal form; the default scheme is https, or http for loopback.

    Raise NetworkError for an invalid URL, or one with credentials or a query.
    """
    word = text.strip()
    if "://" not in word:
        word = f"{'http' if is_loopback(f'http://{word}') else 'https'}://{word}"
    parts = split(word)
    if parts.scheme == "file" or parts.query or parts.fragment or "@" in parts.netloc:
        raise NetworkError(f"invalid server URL: {redact(word)}")
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}{parts.path.rstrip('/')}"


def server_identity(text: str) -> str:
    """Return what identifies a server: its URL in normal form, the same for `localhost` and `127.0.0.1`.

    A text that is not a server's URL identifies only itself.
    """
    try:
        url = normalize_server_url(text)
    except NetworkError:
        return text
    parts = urlsplit(url)
    if parts.hostname != "localhost":
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("localhost", "127.0.0.1", 1)))


def quote_path(path: str) -> str:
    """Return a path as that of a file URL."""
    if sys.platform == "win32":
        from urllib.request import pathname2url  # takes as long as Python's start

        return pathname2url(path)
    return quote(path)


def unquote_path(text: str) -> str:
    """Return the path that a file URL has."""
    if sys.platform == "win32":
        from urllib.request import url2pathname

        return url2pathname(text)
    return unquote(text)


def lock_url(url: str) -> str:
    """Return an archive's URL as recorded in locks: without credentials; package names as they are."""
    return without_credentials(url) if "://" in url else url


def credentials(url: str) -> tuple[str, str] | None:
    """Return the user and password of a URL."""
    parts = split(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def host(url: str) -> str:
    """Return a URL's host and non-default port; empty for a file."""
    parts = split(url)
    port = "" if parts.port in {None, _PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.hostname or ''}{port}"


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is loopback."""
    name = split(url).hostname or ""
    return name in {"localhost", "::1"} or name.endswith(".localhost") or _is_127(name)


def _is_127(name: str) -> bool:
    numbers = name.split(".")
    return numbers[0] == "127" and len(numbers) == 4 and all(n.isascii() and n.isdigit() for n in numbers)  # noqa: PLR2004 - an IPv4 address


def has_same_authority(url: str, other: str) -> bool:
    """Return whether credentials of one URL fit another: the same host and port, or its https form."""
    source, target = split(url), split(other)
    ports = [parts.port or _PORTS.get(parts.scheme) for parts in (source, target)]
    steps_up = (source.scheme, target.scheme) == ("http", "https") and ports == [80, 443]
    same_scheme = source.scheme == target.scheme and ports[0] == ports[1]
    return source.hostname == target.hostname and (same_scheme or steps_up)


def apply_mirror(url: str, mirrors: Iterable[tuple[str, str]]) -> str:
    """Replace the longest mirrored prefix; a prefix that ends in a host matches the whole host only."""
    for source, target in sorted(mirrors, key=lambda pair: len(pair[0]), reverse=True):
        suffix = url.removeprefix(source)
        if url.startswith(source) and (suffix[:1] in {"", "/", "?"} or _has_path(source)):
            return target + suffix
    return url


def _has_path(prefix: str) -> bool:
    return "/" in prefix.partition("://")[2]

"""Parsers of setting values; each raises ValueError with the expected form."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400
MAX_DIGITS = 5

_TRUTH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def parse_boolean(text: str) -> bool:
    """Parse a boolean: yes, no, true, false, on, off, 1, 0."""
    if text.lower() not in _TRUTH:
        raise ValueError("true or false")
    return _TRUTH[text.lower()]


def _parse_integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def count(text: str) -> int:
    """Parse a non-negative integer."""
    count = _parse_integer(text)
    if count is None:
        raise ValueError("an integer below 100000")
    return count


def seconds(text: str) -> float:
    """Parse seconds: above 0, at most a day."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= DAY:
        raise ValueError("a number of seconds above 0")
    return seconds


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}


def duration(text: str) -> int:
    """Parse a duration such as `0s`, `24h` or `7d` to seconds."""
    count, unit = _parse_integer(text[:-1]), text[-1:]
    if count is None or unit not in _UNITS:
        raise ValueError("a duration such as 0s, 24h or 7d")
    return count * _UNITS[unit]


def one_of(*words: str) -> Callable[[str], str]:
    """Create a parser that accepts only the given words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return read


def words(text: str) -> tuple[str, ...]:
    """Parse words separated by blanks or commas."""
    return tuple(text.replace(",", " ").split())


def platforms(text: str) -> tuple[str, ...]:
    """Parse platforms to their keys in locks."""
    from envmgr.kit import platform

    return tuple(platform.parse(word).key for word in words(text))


def toml_list(text: str) -> list[str]:
    """Parse words to a TOML list."""
    return list(words(text))


def mirrors(text: str) -> tuple[tuple[str, str], ...]:
    """Parse `FROM=TO` pairs of URL prefixes."""
    pairs = [word.partition("=") for word in text.split()]
    if not all(source and target for source, _, target in pairs):
        raise ValueError("FROM=TO pairs of URL prefixes")
    return tuple((source, target) for source, _, target in pairs)


def table(text: str) -> dict[str, str]:
    """Parse `FROM=TO` pairs to a TOML table."""
    return dict(mirrors(text))


def server(text: str) -> str:
    """Parse a server's URL; the scheme is optional."""
    scheme, _, address = text.rpartition("://")
    location = address.rstrip("/")
    if scheme not in {"", "http", "https"} or not location or {*location} & {*" @?#\t"}:
        raise ValueError("a URL such as https://alm.example.com")
    return f"{scheme}://{location}" if scheme else location

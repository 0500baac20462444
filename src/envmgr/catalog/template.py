"""Templates of manifests: text with `{version}`-like placeholders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.platform import Platform

PLACEHOLDERS = (
    "version",
    "major",
    "minor",
    "patch",
    "tag",
    "os",
    "arch",
    "libc",
    "ext",
    "exe",
    "name",
    "file",
    "url",
    "home",
)
"""All template variables; `file` and `url` in checksum templates only, `home` in `env` only."""

VERSION_PLACEHOLDERS = frozenset({"version", "major", "minor", "patch", "tag"})
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_NUMBERS = re.compile(r"\d+")


def names(template: str) -> tuple[str, ...]:
    """List the placeholders of a template, in order."""
    return tuple(_PLACEHOLDER.findall(template))


def pattern(template: str, values: Mapping[str, str]) -> re.Pattern[str]:
    """Return a pattern of a filled template; its groups are the VERSION_PLACEHOLDERS used."""
    literal, *parts = _PLACEHOLDER.split(template)
    text, names = re.escape(literal), set[str]()
    for name, following in zip(parts[::2], parts[1::2], strict=True):
        if name in names:
            text += f"(?P={name})"
        elif name in VERSION_PLACEHOLDERS:
            text += f"(?P<{name}>[^/]+?)"
            names.add(name)
        else:
            text += re.escape(values.get(name, f"{{{name}}}"))
        text += re.escape(following)
    return re.compile(text)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a template with its known placeholders replaced."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def values_of(name: str, version: str, tag: str, platform: Platform) -> dict[str, str]:
    """Return what every template of a release may use, with the platform in our own words."""
    major, minor, patch = (*_NUMBERS.findall(version.partition("+")[0])[:3], "", "", "")[:3]
    return {
        "name": name,
        "version": version,
        "tag": tag,
        "major": major,
        "minor": minor,
        "patch": patch,
        "os": platform.os,
        "arch": platform.arch,
        "libc": platform.libc,
        "exe": ".exe" if platform.is_windows else "",
    }

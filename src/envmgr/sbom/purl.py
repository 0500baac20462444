"""Package URLs of tools: https://github.com/package-url/purl-spec."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RELEASE_TAG = re.compile(r"/releases/download/([^/]+)/")


def purl_of(tool: str, version: str, source: Mapping[str, object], urls: Iterable[str]) -> str:
    """Return the package URL of a version of a tool.

    `source` is that of its manifest, `urls` those of its archives, which name the tag of a release on GitHub. A tool of
    no registry has the type `generic`.
    """
    kind = source.get("kind")
    if kind == "pypi":
        name = re.sub(r"[-_.]+", "-", str(source["package"])).lower()
        return f"pkg:pypi/{_encode(name)}@{_encode(version)}"
    if kind == "npm":
        path = "/".join(_encode(part) for part in str(source["package"]).lower().split("/"))
        return f"pkg:npm/{path}@{_encode(version)}"
    tag = _tag_of(urls) if kind == "github" else None
    if tag:
        return f"pkg:github/{str(source['repo']).lower()}@{_encode(tag)}"
    path = "/".join(_encode(part) for part in re.split(r"[:/]", tool))
    return f"pkg:generic/{path}@{_encode(version)}"


def _tag_of(urls: Iterable[str]) -> str | None:
    return next((unquote(match[1]) for url in urls if (match := _RELEASE_TAG.search(url))), None)


def _encode(text: str) -> str:
    return quote(text, safe="")

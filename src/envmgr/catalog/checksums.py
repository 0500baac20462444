"""Digests from checksum documents that upstreams publish next to their archives."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from envmgr.catalog import document_decoder, expression
from envmgr.catalog.manifest import file_of
from envmgr.kit import digest
from envmgr.kit.errors import HttpError, SourceError
from envmgr.kit.frozen import replace
from envmgr.kit.text_encoding import decode_published_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.catalog.list_cache import ListCache
    from envmgr.kit.digest import Digest
    from envmgr.lockformat.model import Artifact

FORMATS = ("bare", "sums", "get-filehash", "json")
"""Formats of documents; `sums` and `get-filehash` are read alike."""
LIMIT = 8 * 2**20
_ABSENT = frozenset({404, 410})
_ALGORITHM = r"(?:(?i:md5|sha-?\d{1,3})[:=]\s*)?"
_SUM = re.compile(rf"\\?{_ALGORITHM}([0-9A-Fa-f]{{40,128}})[ \t]+\*?(\S.*?)\s*")
_LABELED = re.compile(rf"\*?(\S.*?)\s*:\s+{_ALGORITHM}([0-9A-Fa-f]{{40,128}})\s*")
_TAGGED = re.compile(r"[\w/-]+ ?\((.+)\) ?= ?([0-9A-Fa-f]{40,128})\s*")
_ROW = re.compile(r"(?i:sha-?\d{1,3})[ \t]+([0-9A-Fa-f]{40,128})[ \t]+(\S.*?)\s*")
_CERTUTIL = re.compile(r"(?:[0-9A-Fa-f]{2}[ \t]?){20,64}")
_PROPERTY = re.compile(r"\s*(\w+)\s*:\s*(\S.*?)\s*")


def with_digest(artifact: Artifact, checksum: Mapping[str, str], lists: ListCache) -> Artifact | None:
    """Return an artifact with its published digest; None if `complete` sums do not list the file.

    Each document is requested once a run, by `lists`. A missing document leaves the artifact without a digest.
    """
    url = checksum["url_template"]
    complete = checksum.get("complete") == "True"
    try:
        text = decode_published_text(lists.get(url, limit=LIMIT))
    except HttpError as error:
        if error.status not in _ABSENT:
            raise
        return None if complete else artifact
    result = _find_digest(text, url, checksum, artifact.url)
    if result is None:
        return None if complete else artifact
    return replace(artifact, digest=result)


def _find_digest(text: str, url: str, checksum: Mapping[str, str], archive: str) -> Digest | None:
    algorithm = checksum.get("algorithm", "sha256")
    try:
        kind, path = checksum.get("format", "sums"), checksum.get("path", "")
        value = parse(text, kind, archive, path, algorithm)
        return digest.parse(value, algorithm) if value else None
    except ValueError as error:
        raise SourceError(
            f"cannot read the {algorithm} digest of {file_of(archive)} from {url}: {error}",
            "check the URL: a proxy may have intercepted the request",
        ) from None


def parse(text: str, kind: str, archive: str, path: str = "", algorithm: str = "sha256") -> str | None:
    """Return the digest of the archive at a URL from a document; None if it lists only others.

    Raise ValueError for a document without digests.
    """
    if kind == "json":
        return _from_json(text, path)
    if kind == "bare":
        return _parse_single(text, archive, algorithm)
    # Upstreams that moved from PowerShell to coreutils or back kept the file's name, so accept both formats.
    sums = list(_file_hashes(text)) or list(_certutil_hashes(text)) or list(_parse_sums(text))
    if not sums:
        raise ValueError(f"no digests found (starts with {text.strip()[:40]!r})")
    return _select(archive, sums, algorithm)


def _select(archive: str, sums: list[tuple[str, str]], algorithm: str) -> str | None:
    """Return the digest of an archive; of several algorithms, the requested one's.

    An entry with exactly its name wins, then one with a path that the URL ends in, then the base name.
    """
    file, length = file_of(archive), digest.LENGTHS.get(algorithm)
    sums_of_file = [(name, value) for name, value in sums if _base(name) == file]
    candidates = [(name, value) for name, value in sums_of_file if len(value) == length] or sums_of_file
    for fits in (lambda name: name == file, lambda name: archive.endswith(f"/{name}"), lambda _: True):
        values = {value.lower() for name, value in candidates if fits(name)}
        if len(values) > 1:
            raise ValueError(f"{len(values)} conflicting digests")
        if values:
            return values.pop()
    return None


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _parse_single(text: str, archive: str, algorithm: str) -> str:
    """Read a lone digest, which some upstreams follow with the file's name after all."""
    sums = list(_certutil_hashes(text)) or list(_parse_sums(text))
    if sums:
        return sums[0][1] if len(sums) == 1 else _select(archive, sums, algorithm) or ""
    words = text.split()
    if not words:
        raise ValueError("empty file")
    return words[0].removeprefix("\ufeff")


def _parse_sums(text: str) -> Iterator[tuple[str, str]]:
    """Read lines of sums.

    They are as coreutils (`*` for binary mode) or BSD (`SHA256 (file) = …`) write them, `file: …`, or rows of the table
    that PowerShell's `Get-FileHash` prints.
    """
    for line in text.removeprefix("\ufeff").splitlines():
        if match := _SUM.fullmatch(line):
            yield match[2].removeprefix("./"), match[1]
        elif match := _ROW.fullmatch(line):
            yield match[2], match[1]
        elif match := _TAGGED.fullmatch(line) or _LABELED.fullmatch(line):
            yield match[1], match[2]


def _certutil_hashes(text: str) -> Iterator[tuple[str, str]]:
    """Read what `certutil -hashfile` of Windows prints: a title that ends in `NAME:`, then the digest."""
    for title, line in itertools.pairwise(text.splitlines()):
        words = title.split()
        if words and words[-1].endswith(":") and _CERTUTIL.fullmatch(line.strip()):
            yield words[-1].removesuffix(":"), "".join(line.split())


def _file_hashes(text: str) -> Iterator[tuple[str, str]]:
    """Read what PowerShell's `Get-FileHash | Format-List` prints: `Hash : …` and `Path : …` of each file.

    Long values wrap: a line without a colon continues the previous one.
    """
    value = ""
    for key, text_of in _properties(text):
        if key == "hash":
            value = text_of
        elif key == "path" and value:
            yield text_of, value
            value = ""


def _properties(text: str) -> Iterator[tuple[str, str]]:
    lines: list[list[str]] = []
    for line in text.removeprefix("\ufeff").splitlines():
        match = _PROPERTY.fullmatch(line)
        if match and (not line.startswith(" ") or not lines):
            lines.append([match[1].lower(), match[2]])
        elif lines and line.strip():
            lines[-1][1] += line.strip()
    yield from ((key, value) for key, value in lines)


def _from_json(text: str, path: str) -> str:
    result = expression.find(path, document_decoder.json_of(text))
    if not isinstance(result, str):
        raise document_decoder.wrong_type_error(f"a digest at {path!r}", result)
    return result

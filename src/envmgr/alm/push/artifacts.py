"""What was built, by digest."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from envmgr.kit import digest as digests
from envmgr.kit.errors import MissingProvenance, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXAMPLE = "for example: --artifact shop.tar.gz=@dist/shop.tar.gz, or --artifact image=sha256:…"
_STRONG = frozenset({"sha256", "sha384", "sha512"})


def read(words: Sequence[str], cwd: str) -> list[dict[str, str]]:
    """Read NAME=DIGEST and NAME=@FILE; raise UsageError for what is neither, NoProvenance for no such file."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name.strip() and value):
            raise UsageError(f"--artifact {word} is not NAME=DIGEST", _EXAMPLE)
        if name in found:
            raise UsageError(f"--artifact {name} is given twice", "name each artifact once")
        found[name] = (
            _of_file(name, os.path.join(cwd, value[1:])) if value[0] == "@" else _digest(word, value)
        )
    return [{"name": name, "digest": digest} for name, digest in found.items()]


def _digest(word: str, text: str) -> str:
    try:
        digest = digests.parse(text)
    except ValueError:
        raise UsageError(f"--artifact {word}: {text} is no digest", _EXAMPLE) from None
    if digest.algorithm not in _STRONG:
        raise UsageError(f"--artifact {word}: {digest.algorithm} proves nothing any more", "use sha256")
    return str(digest)


def _of_file(name: str, path: str) -> str:
    try:
        with open(path, "rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise MissingProvenance(
            f"the artifact {name} cannot be read: {path}: {os.strerror(error.errno or 0).lower()}",
            "push after the build, and name a file that it makes",
        ) from None

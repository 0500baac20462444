"""Artifacts of a build, by digest."""

from __future__ import annotations

import os

from envmgr.kit.errors import MissingProvenance, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_EXAMPLE = "for example: --artifact shop.tar.gz=@dist/shop.tar.gz, or --artifact image=sha256:…"
_STRONG = frozenset({"sha256", "sha384", "sha512"})


def read(args: Sequence[str], cwd: str) -> list[dict[str, str]]:
    """Parse NAME=DIGEST and NAME=@FILE; raise UsageError if invalid, MissingProvenance for a missing file."""
    by_name = {}
    for arg in args:
        name, equals, value = arg.partition("=")
        if not (equals and name.strip() and value):
            raise UsageError(f"invalid --artifact {arg}: expected NAME=DIGEST or NAME=@FILE", _EXAMPLE)
        if name in by_name:
            raise UsageError(f"duplicate --artifact {name}", "pass each artifact once")
        by_name[name] = (
            _file_digest(name, os.path.join(cwd, value[1:])) if value[0] == "@" else _parse_digest(arg, value)
        )
    return [{"name": name, "digest": digest} for name, digest in by_name.items()]


def _parse_digest(arg: str, text: str) -> str:
    from envmgr.kit import digest as digests

    try:
        digest = digests.parse(text)
    except ValueError:
        raise UsageError(f"invalid --artifact {arg}: invalid digest {text}", _EXAMPLE) from None
    if digest.algorithm not in _STRONG:
        raise UsageError(f"invalid --artifact {arg}: {digest.algorithm} is too weak", "use sha256")
    return str(digest)


def _file_digest(name: str, path: str) -> str:
    import hashlib  # takes a fifth of the time of Python's start

    try:
        with open(path, "rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise MissingProvenance(
            f"cannot read artifact {name}: {path}: {os.strerror(error.errno or 0).lower()}",
            "run the build first, and pass a file it produces",
        ) from None

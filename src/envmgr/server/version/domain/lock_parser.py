"""The tools that a submitted lock pins, and the lock's digest, without I/O."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from envmgr.lockformat import parser
from envmgr.lockformat.errors import LockFormatError
from envmgr.lockformat.names import split_key
from envmgr.server.contracts.problems import LockDigestMismatch
from envmgr.server.contracts.resources import LockedTool
from envmgr.server.version.domain.version_model import invalid_lock
from envmgr.versions import sort

if TYPE_CHECKING:
    from envmgr.lockformat.model import Lockfile


def digest_of(lock: str, algorithm: str = "sha256") -> str:
    """Return the digest of a lock as submitted: `sha256:…` of its UTF-8 text."""
    return f"{algorithm}:{hashlib.new(algorithm, lock.encode()).hexdigest()}"


def check_digest(lock: str, submitted: str | None) -> None:
    """Raise LockDigestMismatch if the submitted digest, if any, is not the lock's."""
    if submitted is None:
        return
    computed = digest_of(lock, submitted.partition(":")[0])
    if computed != submitted:
        raise LockDigestMismatch(
            f"lock digest is {computed}, submitted {submitted}{_line_ending_note(lock, submitted)}",
            errors=[("/toolchain/lock_digest", f"expected {computed}")],
            submitted_digest=submitted,
            computed=computed,
        )


def _line_ending_note(lock: str, submitted: str) -> str:
    """Return a note if the digest is that of the same lock with other line endings or a byte order mark."""
    algorithm, unix = submitted.partition(":")[0], lock.removeprefix("\ufeff").replace("\r\n", "\n")
    forms = (unix, unix.rstrip("\n"), f"{unix}\n", unix.replace("\n", "\r\n"))
    if submitted not in {digest_of(form, algorithm) for form in forms}:
        return ""
    return " (only line endings or a byte order mark differ: send the file's bytes unchanged)"


def read(lock: str) -> tuple[LockedTool, ...]:
    """Return the tools that a lock pins, sorted; raise InvalidLock with the JSON path."""
    try:
        parsed = parser.parse(lock)
    except LockFormatError as error:
        raise invalid_lock(error) from None
    return (*_seeds(parsed), *_locked_tools(parsed))


def _seeds(lock: Lockfile) -> list[LockedTool]:
    return [
        LockedTool(tool=tool, version=version, requests=(), platforms=())
        for tool, version in sorted(lock.seed.items())
    ]


def _locked_tools(lock: Lockfile) -> list[LockedTool]:
    requests = _requests_by_release(lock)
    return [
        LockedTool(
            tool=tool,
            version=version,
            requests=tuple(sorted(requests.get((tool, version), ()))),
            platforms=tuple(sorted(versions[version].artifacts)),
        )
        for tool, versions in sorted(lock.tools.items())
        for version in sort(versions)
    ]


def _requests_by_release(lock: Lockfile) -> dict[tuple[str, str], list[str]]:
    requests: dict[tuple[str, str], list[str]] = {}
    for request, version in lock.resolved.items():
        requests.setdefault((split_key(request)[0], version), []).append(request)
    return requests

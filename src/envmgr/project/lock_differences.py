"""Differences between a lock and its dotfile, without I/O."""

from __future__ import annotations

from envmgr import versions
from envmgr.lockformat.names import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.lockformat.model import Lockfile
    from envmgr.project.dotfile import Dotfile


def differences(lock: Lockfile, dotfile: Dotfile) -> tuple[str, ...]:
    """Return the requests missing from a lock and the entries not requested, without network access."""
    requested = {
        key(entry.tool, spec): (entry.tool, spec)
        for entry in dotfile.entries
        for spec in entry.specs
        if versions.classify(spec)[0] in {"version", "tag"}
    }
    missing = [
        f"{tool}={spec} missing from the lock"
        for tool, spec in requested.values()
        if not _has_matching_request(lock, tool, spec)
    ]
    tools = {entry.tool for entry in dotfile.entries}
    unrequested = [
        *(
            f"{request} is locked but not requested"
            for request in sorted(lock.resolved)
            if request not in requested
        ),
        *(f"{tool} is locked but not requested" for tool in sorted(lock.seed) if tool not in tools),
    ]
    return (*missing, *unrequested)


def _has_matching_request(lock: Lockfile, tool: str, spec: str) -> bool:
    version = lock.version_of(key(tool, spec))
    return (
        lock.find(tool, version) is not None if version else preferred_version(lock, tool, spec) is not None
    )


def preferred_version(lock: Lockfile, tool: str, spec: str) -> str | None:
    """Return the version that a lock prefers for a request without an entry, if it is allowed."""
    seed = lock.seed.get(tool)
    return seed if seed and versions.satisfies(seed, spec) else None

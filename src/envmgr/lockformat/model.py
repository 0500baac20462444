"""A lock's values: requests, tool versions and their archives."""

from __future__ import annotations

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.digest import Digest

FORMAT = 1
"""The number of the newest lock format."""


@frozen
class Artifact:
    """One archive: its URL and digest.

    `url` is absolute; releases of a package source are `pypi:<project>/<file>` and `npm:<package>/<version>`,
    so a lock never holds a registry's host. `digest` is None where upstream publishes none.
    """

    url: str
    digest: Digest | None = None
    size: int | None = None


@frozen
class Locked:
    """One tool version: the digest of its manifest and an archive for each platform key.

    `signatures` are by platform the signatures to verify in addition to the digest (`{"kind": "minisign", "key": "…"}`;
    several keys, any of which is accepted, are separated by blanks).
    """

    plugin: str
    artifacts: Mapping[str, Artifact]
    signatures: Mapping[str, Mapping[str, str]] = {}


@frozen
class Lockfile:
    """Versions by request key (`nodejs@^20.1`), and locked archives by tool and version.

    `seed` is the simple, hand-written form (`{"nodejs": "20.1.0"}`): versions to prefer at the next lock.
    It is read, never written.
    """

    resolved: Mapping[str, str] = {}
    tools: Mapping[str, Mapping[str, Locked]] = {}
    seed: Mapping[str, str] = {}

    def version_of(self, request: str) -> str | None:
        """Return the locked version of a request key."""
        return self.resolved.get(request)

    def find(self, tool: str, version: str) -> Locked | None:
        """Return the locked archives of a tool version."""
        return self.tools.get(tool, {}).get(version)

    @property
    def release_count(self) -> int:
        """Return the number of tool versions, of the simple form too."""
        return len(self.seed) + sum(map(len, self.tools.values()))

    @property
    def platforms(self) -> tuple[str, ...]:
        """Return all platform keys with an archive, sorted."""
        entries = (locked for versions in self.tools.values() for locked in versions.values())
        return tuple(sorted({platform for locked in entries for platform in locked.artifacts}))


EMPTY = Lockfile()

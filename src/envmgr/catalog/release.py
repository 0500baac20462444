"""Releases of upstreams, and the archive of each for a platform."""

from __future__ import annotations

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False  # locks are read by commands that cannot wait for `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.lockformat.model import Artifact


@frozen
class Signature:
    """The URL of an archive's signature, and the accepted public keys."""

    kind: str
    url: str
    keys: tuple[str, ...]

    @property
    def lock_fields(self) -> dict[str, str]:
        """Return what a lock records of it, which does not depend on where the archive is."""
        return {"kind": self.kind, "key": " ".join(sorted(self.keys))}


@frozen
class Release:
    """One release of a tool; `artifacts` (by platform key) only if the list contains them.

    `entry` is the release in the list itself, stored for sources that find artifacts in it later.
    """

    version: str
    tag: str
    date: str | None = None
    lts: str | None = None
    prerelease: bool = False
    withdrawn: bool = False
    artifacts: Mapping[str, Artifact] = {}
    entry: object = None


@frozen
class Location:
    """The resolved location of an artifact, with the request headers."""

    url: str
    headers: Mapping[str, str] = {}


@frozen
class Listing:
    """All releases of a tool, oldest first, and the aliases its list defines (`lts` → a version)."""

    releases: tuple[Release, ...]
    aliases: Mapping[str, str]

    @property
    def versions(self) -> tuple[str, ...]:
        """Return the versions to choose from, oldest first: all that were not withdrawn."""
        return tuple(release.version for release in self.releases if not release.withdrawn)

    def release(self, version: str) -> Release | None:
        """Find a release, withdrawn or not, by its full version."""
        return next((release for release in self.releases if release.version == version), None)

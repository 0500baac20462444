"""The content of a bill of materials, before it is written in one of the formats."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen
from envmgr.lockformat.names import split_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.digest import Digest
    from envmgr.lockformat.model import Artifact, Locked, Lockfile

PROGRAM = "envmgr"
"""The name of the program in documents."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "envmgr:sbom")


@frozen
class ToolFacts:
    """A tool's description in its manifest; `license` is an SPDX expression or another text."""

    license: str = ""
    homepage: str = ""
    description: str = ""
    requires: tuple[str, ...] = ()


@frozen
class Archive:
    """A locked archive and the platforms that it is for."""

    platforms: tuple[str, ...]
    url: str
    digest: Digest | None

    @property
    def file_name(self) -> str:
        """Return the name of the file, or the URL if that ends without one."""
        return self.url.partition("?")[0].rpartition("/")[2] or self.url


@frozen
class Component:
    """A locked version of a tool; `manifest` is the digest of the manifest that it was locked with."""

    tool: str
    version: str
    requests: tuple[str, ...]
    purl: str
    manifest: str
    archives: tuple[Archive, ...]
    facts: ToolFacts = ToolFacts()

    @property
    def reference(self) -> str:
        """Return the name of the component within a document."""
        return f"{self.tool}@{self.version}"


@frozen
class Toolchain:
    """The locked versions of a project, sorted.

    `lock_sha256` is the digest of the lock, `program_version` the version of envmgr, `created` an RFC 3339 time or
    None.
    """

    components: tuple[Component, ...]
    lock_sha256: str
    program_version: str
    created: str | None = None

    def required_by(self, component: Component) -> tuple[Component, ...]:
        """Return the locked versions of the tools that a component requires."""
        return tuple(other for other in self.components if other.tool in component.facts.requires)


def requests_of(lock: Lockfile, tool: str, version: str) -> tuple[str, ...]:
    """Return the specs that a lock resolves to a version of a tool."""
    keys = (split_key(key) for key, resolved in lock.resolved.items() if resolved == version)
    return tuple(sorted(spec for name, spec in keys if name == tool))


def archives_of(locked: Locked) -> tuple[Archive, ...]:
    """Return the archives of a locked version, each file once."""
    platforms: dict[Artifact, list[str]] = {}
    for platform, artifact in sorted(locked.artifacts.items()):
        platforms.setdefault(artifact, []).append(platform)
    return tuple(
        Archive(tuple(names), artifact.url, artifact.digest) for artifact, names in platforms.items()
    )


def document_id(content: Mapping[str, object]) -> uuid.UUID:
    """Return an ID that depends on nothing but the content of a document."""
    return uuid.uuid5(_NAMESPACE, json.dumps(content, sort_keys=True))

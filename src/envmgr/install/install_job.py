"""Job of an installation: an archive and its destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.catalog.layout import Layout
    from envmgr.catalog.release import Signature
    from envmgr.kit.platform import Platform
    from envmgr.lockformat.model import Artifact


@frozen
class InstallJob:
    """An archive and its destination; `plugin` is its manifest's digest."""

    tool: str
    version: str
    platform: Platform
    artifact: Artifact
    layout: Layout
    plugin: str
    signature: Signature | None = None

    def __str__(self) -> str:
        """Return the label for progress and errors."""
        return f"{self.tool} {self.version}"

"""Outcomes of installations, also of versions that are installed already."""

from __future__ import annotations

from envmgr.kit.errors import DigestMismatch, InstallError
from envmgr.kit.frozen import frozen
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.install.store import Installed
    from envmgr.lockformat.model import Artifact


@frozen
class Outcome:
    """The installed version; `bytes` is the size of the download."""

    tool: str
    version: str
    path: str
    url: str
    sha256: str
    bytes: int
    seconds: float
    from_cache: bool
    already_installed: bool


def outcome_of_existing(existing: Installed, artifact: Artifact) -> Outcome:
    """Return the outcome of an installed version; raise DigestMismatch if it comes from another archive."""
    if existing.link:
        require_target(existing)
    else:
        _check_same(existing, artifact)
    return Outcome(
        existing.tool,
        existing.version,
        existing.path,
        existing.url,
        existing.sha256,
        existing.size,
        seconds=0.0,
        from_cache=True,
        already_installed=True,
    )


def require_target(existing: Installed) -> None:
    """Raise InstallError if an installation is a link to a directory that does not exist."""
    if existing.is_broken:
        raise InstallError(
            f"{existing.tool} {existing.version} is linked to {existing.link}: directory not found",
            f"restore it, or run `envmgr uninstall {existing.tool}@{existing.version}`",
        )


def _check_same(existing: Installed, artifact: Artifact) -> None:
    digest = artifact.digest
    if digest and digest.algorithm == "sha256":
        is_same = digest.value == existing.sha256
    else:
        is_same = urls.lock_url(artifact.url) == existing.url
    if not is_same:
        raise DigestMismatch(
            f"{existing.tool} {existing.version} is already installed from {existing.url} "
            f"(sha256:{existing.sha256}), but "
            f"{urls.redact(artifact.url)}{f' ({digest})' if digest else ''} was requested",
            f"run `envmgr install {existing.tool}@{existing.version} --force` to replace it",
        )

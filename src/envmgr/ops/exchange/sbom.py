"""Software bill of materials of the locked toolchain."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.catalog.registry import package_of
from envmgr.catalog.sources.kinds import KINDS
from envmgr.kit.errors import ConfigError
from envmgr.kit.frozen import frozen
from envmgr.ops.exchange.complete_lock import require_complete_lock
from envmgr.resolve import lock_manifests
from envmgr.sbom import toolchain as toolchains
from envmgr.sbom.cyclonedx import to_cyclonedx
from envmgr.sbom.purl import purl_of
from envmgr.sbom.spdx import to_spdx
from envmgr.sbom.toolchain import Component, Toolchain, ToolFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envmgr.lockformat.model import Locked, Lockfile
    from envmgr.resolve.context import Context

FORMATS: Mapping[str, Callable[[Toolchain], dict[str, object]]] = {
    "cyclonedx": to_cyclonedx,
    "spdx": to_spdx,
}
SOURCE_DATE_EPOCH = "SOURCE_DATE_EPOCH"


@frozen
class Sbom:
    """A document in one of the formats, and the number of its tools."""

    format: str
    document: Mapping[str, object]
    tool_count: int


def create_sbom(context: Context, format_name: str) -> Sbom:
    """Return the bill of materials of the nearest lock, without network access.

    The same lock gives the same document; raise LockOutOfDate if it lacks a requested tool.
    """
    toolchain = _read_toolchain(context)
    return Sbom(format_name, FORMATS[format_name](toolchain), len(toolchain.components))


def _read_toolchain(context: Context) -> Toolchain:
    path, lock = require_complete_lock(context)
    text = context.locks.text(path) or ""
    return Toolchain(
        tuple(_components(context, lock)),
        hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest(),
        __version__,
        _creation_time(context),
    )


def _components(context: Context, lock: Lockfile) -> Iterator[Component]:
    for tool, versions in sorted(lock.tools.items()):
        for version, locked in sorted(versions.items()):
            yield _component(context, lock, tool, version, locked)


def _component(context: Context, lock: Lockfile, tool: str, version: str, locked: Locked) -> Component:
    manifest = lock_manifests.fitting_manifest(context, tool, version, locked)
    if manifest is None:
        context.progress.message(
            f"{tool} {version}: listed without licence and homepage: its manifest is not the one of the lock"
        )
    source = manifest.source if manifest else _source_of_name(tool)
    urls = [artifact.url for _, artifact in sorted(locked.artifacts.items())]
    return Component(
        tool,
        version,
        toolchains.requests_of(lock, tool, version),
        purl_of(tool, version, source, urls),
        locked.plugin,
        toolchains.archives_of(locked),
        ToolFacts(manifest.license, manifest.homepage, manifest.description, manifest.requires)
        if manifest
        else ToolFacts(),
    )


def _source_of_name(tool: str) -> Mapping[str, object]:
    """Return the source that a package has by its name."""
    kind, package = package_of(tool) or ("", "")
    packages = KINDS[kind].packages if kind else None
    return {"kind": kind, packages.field: package} if packages else {}


def _creation_time(context: Context) -> str | None:
    """Return the time of SOURCE_DATE_EPOCH, or None without it; raise ConfigError if it is invalid.

    https://reproducible-builds.org/specs/source-date-epoch/
    """
    text = context.environment.get(SOURCE_DATE_EPOCH)
    if not text:
        return None
    try:
        time = datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise ConfigError(
            f"${SOURCE_DATE_EPOCH}: invalid value {text!r}", "set it to a number of seconds, or unset it"
        ) from None
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")

"""`plugin update`: manifests read again from where they were added from; a failure keeps the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.catalog import manifest_reader
from envmgr.kit.errors import CatalogError, EnvmgrError, ManifestError, UnknownTool, UntrustedScript
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.fs import read_text
from envmgr.ops.catalog import plugin_sources, plugins
from envmgr.ops.catalog.plugin_sources import PluginSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.ops.confirmation import Confirm
    from envmgr.resolve.context import Context


@frozen
class PluginUpdate:
    """A manifest, its source, the difference (a unified diff, or empty) and the error, if any."""

    name: str
    source: str
    difference: str = ""
    digest: str | None = None
    error: EnvmgrError | None = None

    @property
    def status(self) -> str:
        """Return `failed`, `updated` or `unchanged`."""
        if self.error:
            return "failed"
        return "updated" if self.difference else "unchanged"


@frozen
class UpdateOptions:
    """Options of an update: a dry run writes nothing; `may_trust` confirms a changed install script."""

    may_trust: Confirm
    dry_run: bool = False


def update(
    context: Context, directory: str, names: Sequence[str], options: UpdateOptions
) -> tuple[PluginUpdate, ...]:
    """Update manifests of a directory, or all that have a recorded source.

    Raise UnknownTool for a name without one.
    """
    sources = plugin_sources.read(directory)
    for name in names:
        if name not in sources:
            raise _without_source(context, name)
    return tuple(
        _try_update(context, directory, name, sources[name], options) for name in (names or sorted(sources))
    )


def _without_source(context: Context, name: str) -> UnknownTool:
    manifest = context.registry.get(name)
    if manifest.builtin:
        return UnknownTool(f"{name} is built in: it is updated with envmgr", "run `envmgr self-update`")
    return UnknownTool(
        f"{name} has no recorded source ({manifest.origin})", f"run `envmgr plugin add {name} SOURCE`"
    )


def _try_update(
    context: Context, directory: str, name: str, source: PluginSource, options: UpdateOptions
) -> PluginUpdate:
    location = plugin_sources.location(directory, source)
    try:
        return _update(context, directory, name, source, options)
    except EnvmgrError as error:
        return PluginUpdate(name, location, error=error)


def _update(
    context: Context, directory: str, name: str, source: PluginSource, options: UpdateOptions
) -> PluginUpdate:
    location = plugin_sources.location(directory, source)
    path = plugins.path_of(directory, name)
    old = read_text(path) or ""
    _require_unedited(name, path, old, source)
    new = plugins.fetch(context, location)
    manifest = plugins.read_manifest(name, new, location)
    if new == old:
        return PluginUpdate(name, location, digest=manifest.digest)
    result = PluginUpdate(name, location, _difference(name, old, new), manifest.digest)
    if options.dry_run:
        return result
    try:
        plugins.write_manifest(context, manifest, new, directory, options.may_trust)
    except UntrustedScript as error:  # the difference is what must be reviewed
        return replace(result, error=error)
    plugin_sources.record(context.paths, directory, name, PluginSource(location, manifest.digest))
    return result


def _require_unedited(name: str, path: str, text: str, source: PluginSource) -> None:
    """Raise CatalogError if a manifest is no longer what was added: an edit is not overwritten."""
    try:
        digest = manifest_reader.digest_of(manifest_reader.decode(text, path))
    except ManifestError:
        digest = ""
    if digest != source.digest:
        raise CatalogError(
            f"{path} was edited after it was added", f"run `envmgr plugin add {name} SOURCE` to replace it"
        )


def _difference(name: str, old: str, new: str) -> str:
    import difflib

    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{name}.json", f"{name}.json (new)", lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)

"""Adding, showing and removing manifests."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from envmgr.catalog import lint as linting
from envmgr.catalog import manifest_reader, registry
from envmgr.kit.errors import CatalogError, StorageError, UnknownTool, UsageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text, storage_errors, write_atomic
from envmgr.kit.paths import file_name
from envmgr.ops.catalog import plugin_sources, plugin_trust
from envmgr.ops.catalog.plugin_sources import PluginSource
from envmgr.ops.confirmation import decline_all
from envmgr.shells import plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.catalog.lint import Report
    from envmgr.catalog.manifest import Manifest
    from envmgr.ops.confirmation import Confirm
    from envmgr.resolve.context import Context


def show_all(context: Context) -> tuple[Manifest, ...]:
    """Return every manifest, those that win over others of their name only."""
    return context.registry.all()


def scope(context: Context, manifest: Manifest) -> str:
    """Return a manifest's scope: `project`, `user`, `built-in` or `package`."""
    return context.registry.scope(manifest)


def show(context: Context, name: str) -> Manifest:
    """Return one manifest."""
    return context.registry.check(name)


def text_of(manifest: Manifest) -> str:
    """Return a manifest as it is written, or, for one made of a package's name, as it would be."""
    written = registry.text_of(manifest)
    document = {"name": manifest.name, "source": dict(manifest.source)}
    return written if written is not None else json.dumps(document, indent=2) + "\n"


def user_directory(context: Context) -> str:
    """Return the directory of the user's own manifests."""
    return context.paths.plugins


def project_directory(context: Context) -> str:
    """Return the directory of manifests beside the nearest dotfile, else in the working directory."""
    return os.path.join(context.project.directory or context.environment.cwd, registry.PROJECT_DIRECTORY)


@frozen
class AddedManifest:
    """A manifest and its file, and which others of its name it replaces here, or which one replaces it."""

    manifest: Manifest
    shadows: str | None
    shadowed_by: str | None


def add(
    context: Context, name: str, source: str, directory: str, may_trust: Confirm = decline_all
) -> AddedManifest:
    """Add a manifest from a file or URL to a directory; `may_trust` confirms one with an install script."""
    if source.endswith(".git") or source.startswith(("git@", "git://", "git+", "ssh://")):
        raise UsageError(
            f"{source} is a git repository; plugins are single JSON files",
            "pass the path or URL of a manifest",
        )
    added = _add_text(context, name, fetch(context, source), source, directory, may_trust)
    location = source if "://" in source else _absolute(context, source)
    plugin_sources.record(context.paths, directory, name, PluginSource(location, added.manifest.digest))
    return added


def add_parts(
    context: Context,
    name: str,
    versions_url: str,
    bin_template: str,
    download_template: str | None,
    directory: str,
) -> AddedManifest:
    """Add a manifest made from its parts to a directory."""
    fields = {"name": name, "versions_url": versions_url, "bin_path_template": bin_template}
    if download_template:
        fields["download_url_template"] = download_template
    text = json.dumps(fields, indent=2) + "\n"
    added = _add_text(context, name, text, "the command line", directory, decline_all)
    plugin_sources.record(context.paths, directory, name, None)
    return added


def fetch(context: Context, source: str) -> str:
    """Return the text of a manifest at a path or URL."""
    if "://" in source:
        return context.http.get(source).body.decode("utf-8", "replace")
    path = _absolute(context, source)
    text = read_text(path)
    if text is None:
        raise StorageError(f"file {path} not found", "pass the path or URL of a manifest")
    return text


def _absolute(context: Context, path: str) -> str:
    return os.path.normpath(os.path.join(context.environment.cwd, os.path.expanduser(path)))


def _add_text(
    context: Context, name: str, text: str, origin: str, directory: str, may_trust: Confirm
) -> AddedManifest:
    manifest = read_manifest(name, text, origin)
    path = path_of(directory, name)
    before = _other_manifest(context, name, path)
    write_manifest(context, manifest, text, directory, may_trust)
    after = _other_manifest(context, name, path)
    return AddedManifest(
        manifest_reader.read(text, path),
        shadows=None if after or before is None else _label(context, before),
        shadowed_by=_label(context, after) if after else None,
    )


def read_manifest(name: str, text: str, origin: str) -> Manifest:
    """Return the manifest in a text; raise ManifestError with every issue, CatalogError for another name."""
    manifest = linting.read(text, origin)
    if manifest.name != name:
        raise CatalogError(
            f"manifest {origin} describes {manifest.name}, not {name}",
            f"run `envmgr plugin add {manifest.name} {origin}`",
        )
    return manifest


def write_manifest(
    context: Context, manifest: Manifest, text: str, directory: str, may_trust: Confirm
) -> None:
    """Write a manifest to a directory; raise UntrustedScript if it has a script that `may_trust` declines."""
    plugin_trust.require_trust(context, manifest, may_trust)
    with _without_plans(context):
        write_atomic(path_of(directory, manifest.name), text)
    context.forget_manifests()


@contextlib.contextmanager
def _without_plans(context: Context) -> Iterator[None]:
    """Invalidate all plans around a change: which installed version is best may depend on manifests.

    Before it, as a manifest must not change where plans cannot be deleted; after it, as commands may have written plans
    in between.
    """
    plan.invalidate_all(context.paths)
    yield
    plan.invalidate_all(context.paths)


def _other_manifest(context: Context, name: str, path: str) -> Manifest | None:
    """Return the manifest of a name or alias, unless it is in this file or invalid."""
    try:
        manifest = context.registry.get(name)
    except (CatalogError, StorageError):
        return None
    return manifest if manifest.origin != path else None


def _label(context: Context, manifest: Manifest) -> str:
    scope = context.registry.scope(manifest)
    return f"the {scope} manifest {manifest.origin if scope in {'project', 'user'} else manifest.name}"


def remove(context: Context, name: str, directory: str) -> str:
    """Remove a manifest that was added to a directory and return its path."""
    path = path_of(directory, name)
    if not os.path.isfile(path):
        manifest = context.registry.check(name)
        raise UnknownTool(
            f"{name} is not in {directory} (it comes from {manifest.origin})",
            "run `envmgr plugin list` to see the origin of each",
        )
    with _without_plans(context), storage_errors(path):
        os.unlink(path)
    plugin_sources.record(context.paths, directory, name, None)
    return path


def lint(context: Context, target: str) -> Report:
    """Return every issue of a manifest, by file or by name."""

    def is_tool(name: str) -> bool:
        try:
            context.registry.get(name)
        except UnknownTool:
            return False
        except (CatalogError, StorageError):  # there is one, and something is wrong with it
            return True
        return True

    path = _absolute(context, target)
    if os.path.isfile(path):
        return linting.lint(read_text(path) or "", path, is_tool)
    if target.endswith(".json") or os.path.dirname(target) == "." or target.startswith(("/", "~")):
        raise StorageError(f"file {path} not found", "pass the path of a manifest, or a tool's name")
    return linting.lint(text_of(context.registry.get(target)), target, is_tool)


def path_of(directory: str, name: str) -> str:
    """Return the path of a manifest in a directory."""
    return os.path.join(directory, f"{file_name(name)}.json")

"""Sources of added manifests, recorded beside them for `plugin update`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from envmgr.kit.errors import CatalogError
from envmgr.kit.file_locks import path_lock
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text, unlink_file, write_atomic
from envmgr.kit.http import urls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.paths import Paths

FILE = ".sources.json"
_FORMAT = 1


@frozen
class PluginSource:
    """The path or URL that a manifest was read from, and the digest of what was read."""

    source: str
    digest: str


def path_in(directory: str) -> str:
    """Return the path of the record of a directory of manifests."""
    return os.path.join(directory, FILE)


def record(paths: Paths, directory: str, name: str, source: PluginSource | None) -> None:
    """Record the source of a manifest, with a path relative to the directory; None removes it."""
    path = path_in(directory)
    with path_lock(paths, path):
        others = {key: item for key, item in read(directory).items() if key != name}
        if source:
            others[name] = PluginSource(_to_stored(directory, source.source), source.digest)
        if others:
            write_atomic(path, _format(others))
        elif os.path.exists(path):
            unlink_file(path)


def read(directory: str) -> dict[str, PluginSource]:
    """Return the recorded sources by the name of the manifest; raise CatalogError for an invalid record."""
    path = path_in(directory)
    text = read_text(path)
    if text is None:
        return {}
    try:
        return dict(_parse(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CatalogError(
            f"{path} is not a record of sources", "remove it, and add the manifests again"
        ) from None


def location(directory: str, source: PluginSource) -> str:
    """Return the URL or the absolute path of a recorded source."""
    if "://" in source.source:
        return source.source
    return os.path.normpath(os.path.join(directory, source.source))


def _to_stored(directory: str, source: str) -> str:
    """Return a source as it is stored: no credentials, and no path that holds on one machine only."""
    if "://" in source:
        return urls.without_credentials(source)
    try:
        return os.path.relpath(source, directory).replace(os.sep, "/")
    except ValueError:  # on another drive of Windows
        return source


def _format(sources: Mapping[str, PluginSource]) -> str:
    entries = {name: {"source": item.source, "digest": item.digest} for name, item in sorted(sources.items())}
    return json.dumps({"format": _FORMAT, "sources": entries}, indent=2) + "\n"


def _parse(document: Mapping[str, object]) -> dict[str, PluginSource]:
    sources = document["sources"]
    if document["format"] != _FORMAT or not isinstance(sources, dict):
        raise ValueError(document["format"])
    return {
        str(name): PluginSource(str(entry["source"]), str(entry["digest"])) for name, entry in sources.items()
    }

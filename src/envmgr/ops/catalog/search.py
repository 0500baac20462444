"""`search`: tools with a manifest, by name, alias or description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.catalog.sources.kinds import placeholders
from envmgr.install import store
from envmgr.kit.errors import UnknownTool
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.resolve.context import Context


@frozen
class Match:
    """A tool whose manifest matches a search, and its installed versions."""

    manifest: Manifest
    installed: tuple[str, ...]


def search(context: Context, text: str) -> tuple[Match, ...]:
    """Return the tools that match every word of a text, best first; raise UnknownTool if none does."""
    words = text.casefold().split()
    manifests = [manifest for manifest in context.registry.all() if _is_match(manifest, words)]
    if not manifests:
        raise _no_match(context, text)
    manifests.sort(key=lambda manifest: (_rank(manifest, words), manifest.name))
    return tuple(
        Match(manifest, tuple(store.versions(context.paths, manifest.name))) for manifest in manifests
    )


def _is_match(manifest: Manifest, words: Sequence[str]) -> bool:
    searched = "\n".join((*_names(manifest), manifest.description)).casefold()
    return all(word in searched for word in words)


def _rank(manifest: Manifest, words: Sequence[str]) -> int:
    """Return 0 for a tool named as a word, then for names that begin with it, contain it, and all others."""
    names = [name.casefold() for name in _names(manifest)]
    if any(name in words for name in names):
        return 0
    if any(name.startswith(word) for name in names for word in words):
        return 1
    return 2 if any(word in name for name in names for word in words) else 3


def _names(manifest: Manifest) -> tuple[str, ...]:
    return (manifest.name, *manifest.aliases)


def _no_match(context: Context, text: str) -> UnknownTool:
    from envmgr.kit.suggest import closest

    suggestions = closest(text, context.registry.names())
    hint = f"did you mean {' or '.join(suggestions)}? " if suggestions else ""
    return UnknownTool(
        f"no tool with a manifest matches {text!r}",
        f"{hint}a package needs no manifest: {placeholders()}; for another tool, run `envmgr plugin add`",
    )

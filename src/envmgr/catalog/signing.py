"""Which signatures can be verified; a manifest that promises another is refused, never taken without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.catalog import manifest_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS = ("minisign",)
_REGISTRIES = frozenset({"pypi", "npm"})


def issues(data: Mapping[str, object]) -> Iterator[str]:
    """Find what a manifest says of signatures that could not be held to; each begins with its JSON path."""
    source = manifest_fields.table(data, "source").get("kind")
    for path, layer in manifest_fields.iter_field_objects(data):
        found = manifest_fields.table(layer, "signature")
        kind = found.get("kind", KINDS[0])
        if kind not in KINDS:
            yield (
                f"{path}.signature.kind: {kind!r} signatures cannot be verified by this envmgr, "
                f"only {', '.join(KINDS)}; without 'signature', archives are verified by their digests"
            )
        if found and source in _REGISTRIES:
            yield f"{path}.signature: means nothing with the source {source!r}: a registry has only digests"

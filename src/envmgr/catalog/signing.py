"""Supported kinds of signatures; a manifest with another kind is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.catalog import manifest_fields
from envmgr.catalog.sources.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SIGNATURE_KINDS = ("minisign",)


def unsupported_settings(data: Mapping[str, object]) -> Iterator[str]:
    """Yield the unsupported signature settings of a manifest; each begins with its JSON path."""
    source = manifest_fields.table(data, "source").get("kind")
    for path, layer in manifest_fields.iter_field_objects(data):
        result = manifest_fields.table(layer, "signature")
        kind = result.get("kind", SIGNATURE_KINDS[0])
        if kind not in SIGNATURE_KINDS:
            yield (
                f"{path}.signature.kind: unsupported signature kind {kind!r} (supported: "
                f"{', '.join(SIGNATURE_KINDS)}); omit 'signature' to verify by digest only"
            )
        if result and source in KINDS and not KINDS[str(source)].supports_signatures:
            yield f"{path}.signature: not supported with source {source!r}"

"""Reading the JSON of a manifest."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

from envmgr.catalog import signing
from envmgr.catalog.manifest import Manifest, Override
from envmgr.catalog.manifest_fields import ARCHIVE
from envmgr.kit import unique_json
from envmgr.kit.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 1 << 20

_TYPES: dict[str, type] = {
    "name": str,
    "description": str,
    "homepage": str,
    "license": str,
    "aliases": list,
    "variants": list,
    "default_vendor": str,
    "source": dict,
    "versions": dict,
    "versions_url": str,
    "platforms": dict,
    "overrides": list,
}


def read(text: str, origin: str, builtin: bool = False) -> Manifest:
    """Read a manifest that is taken to be valid, looking only at what reading it needs."""
    return build(decode(text, origin), origin, builtin)


def decode(text: str, origin: str) -> dict[str, object]:
    """Decode the JSON object; raise ManifestError with line and column."""
    if len(text) > LIMIT:
        raise ManifestError(origin, ["$: larger than 1 MB"])
    try:
        data = unique_json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise ManifestError(origin, [f"line {error.lineno}, column {error.colno}: {error.msg}"]) from None
    except (ValueError, RecursionError) as error:
        raise ManifestError(origin, [f"$: {error}"]) from None
    if not isinstance(data, dict):
        raise ManifestError(origin, ["$: expected a JSON object"])
    return data


def build(data: Mapping[str, object], origin: str, builtin: bool = False) -> Manifest:
    """Create a manifest; raise ManifestError for a wrong type or unsupported signatures."""
    _require_types(data, origin)
    unverifiable = tuple(signing.unsupported_settings(data))
    if unverifiable:
        raise ManifestError(origin, unverifiable)
    return Manifest(
        name=str(data["name"]),
        source=_source(data),
        versions=cast("Mapping[str, object]", data.get("versions", {})),
        fields=_archive_fields(data),
        platforms=cast("Mapping[str, object]", data.get("platforms", {})),
        overrides=tuple(_override(item) for item in _list(data, "overrides")),
        description=str(data.get("description", "")),
        homepage=str(data.get("homepage", "")),
        license=str(data.get("license", "")),
        aliases=tuple(str(item) for item in _list(data, "aliases")),
        variants=tuple(str(item) for item in _list(data, "variants")),
        default_vendor=cast("str | None", data.get("default_vendor")),
        digest=digest_of(data),
        origin=origin,
        builtin=builtin,
    )


def digest_of(data: Mapping[str, object]) -> str:
    """Return `sha256:…` of a manifest's canonical JSON: sorted keys, no blanks."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _require_types(data: Mapping[str, object], origin: str) -> None:
    wrong = [
        f"$.{field}: must be {_article(kind)}"
        for field, kind in _TYPES.items()
        if field in data and not isinstance(data[field], kind)
    ]
    missing = [] if "name" in data else ["$: missing 'name'"]
    if "source" not in data and "versions_url" not in data:
        missing.append("$: missing 'versions_url' or 'source'")
    if wrong or missing:
        raise ManifestError(origin, [*missing, *wrong])


def _article(kind: type) -> str:
    return {"str": "a string", "list": "an array", "dict": "an object"}[kind.__name__]


def _source(data: Mapping[str, object]) -> Mapping[str, object]:
    if "source" in data:
        return {"kind": "", **cast("dict[str, object]", data["source"])}
    return {"kind": "index", "url": data["versions_url"]}


def _archive_fields(data: Mapping[str, object]) -> dict[str, object]:
    return {field: data[field] for field in ARCHIVE if field in data}


def _override(item: object) -> Override:
    data = cast("dict[str, object]", item) if isinstance(item, dict) else {}
    platforms = data.get("platforms")
    return Override(
        str(data.get("versions", "")), _archive_fields(data), platforms if isinstance(platforms, dict) else {}
    )


def _list(data: Mapping[str, object], field: str) -> list[object]:
    return cast("list[object]", data.get(field, []))

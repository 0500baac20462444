"""The fields of a manifest that describe an archive, and how layers of them are laid over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from envmgr.catalog import template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envmgr.kit.platform import Platform

Fields = dict[str, object]

MAPS = ("os", "arch", "libc")
MERGED = frozenset({*MAPS, "env", "rename", "links"})
ARCHIVE = (
    "download_url_template",
    "asset",
    "bin_path_template",
    "bin",
    "links",
    "ext",
    "format",
    "strip",
    "rename",
    "home",
    "env",
    "checksum",
    "signature",
    "install_script",
    "requires",
    "check",
    *MAPS,
)
"""The fields that `platforms` and `overrides` may change."""


def merge_layers(layers: Iterable[Mapping[str, object]]) -> Fields:
    """Merge layers, the later winning: objects such as `env` key by key, anything else whole."""
    merged: Fields = {}
    for layer in layers:
        for field, value in layer.items():
            both = field in MERGED and isinstance(value, dict) and isinstance(merged.get(field), dict)
            merged[field] = {**table(merged, field), **table(layer, field)} if both else value
    return merged


def platform_layers(
    layers: Mapping[str, object], platform: Platform
) -> Iterator[Mapping[str, object] | None]:
    """Yield the `platforms` entries of a platform, `os` to `os-arch-libc`; None means unsupported."""
    os, arch, libc = platform.os, platform.arch, platform.libc
    for key in dict.fromkeys((os, f"{os}-{libc}", f"{os}-{arch}", f"{os}-{arch}-{libc}")):
        if key in layers:
            yield cast("Mapping[str, object] | None", layers[key])


def iter_field_objects(data: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield every object of a manifest with archive fields, with its path."""
    yield "$", {field: data[field] for field in ARCHIVE if field in data}
    for path, owner in [("$", data), *iter_overrides(data)]:
        if path != "$":
            yield path, owner
        for key, layer in table(owner, "platforms").items():
            if isinstance(layer, dict):
                yield f"{path}.platforms.{key}" if key.isalnum() else f"{path}.platforms['{key}']", layer


def iter_overrides(data: Mapping[str, object]) -> list[tuple[str, Mapping[str, object]]]:
    """Return every override of a manifest, with its path."""
    items = data.get("overrides")
    numbered = enumerate(items if isinstance(items, list) else [])
    return [(f"$.overrides[{number}]", item) for number, item in numbered if isinstance(item, dict)]


def table(fields: Mapping[str, object], field: str) -> Fields:
    """Return an object's field that is an object itself; an absent one is empty."""
    value = fields.get(field)
    return value if isinstance(value, dict) else {}


def strings(value: object) -> tuple[str, ...]:
    """Return a list of strings, one string, or None as a tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def text(fields: Mapping[str, object], field: str, values: Mapping[str, str]) -> str | None:
    """Fill one template in; None for a field that is not there."""
    value = fields.get(field)
    return template.fill(value, values) if isinstance(value, str) else None


def fill_map(fields: Mapping[str, object], field: str, values: Mapping[str, str]) -> dict[str, str]:
    """Fill an object of templates in, keys too; a key that is null is left out."""
    result = table(fields, field).items()
    return {
        template.fill(key, values): template.fill(str(value), values)
        for key, value in result
        if value is not None
    }


def upstream_name(fields: Mapping[str, object], name: str, own_name: str) -> str | None:
    """Return upstream's term by the maps `os`, `arch` and `libc`; None if unsupported."""
    return cast("str | None", table(fields, name).get(own_name, own_name))

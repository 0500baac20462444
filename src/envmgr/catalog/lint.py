"""Finding everything that is wrong with a manifest at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from envmgr.catalog import lint_values as values
from envmgr.catalog import manifest_fields, manifest_reader, signing, template, url_hints
from envmgr.catalog.manifest_fields import table
from envmgr.catalog.schema import schema_check
from envmgr.catalog.sources.kinds import KINDS
from envmgr.kit.errors import ManifestError
from envmgr.kit.frozen import frozen
from envmgr.kit.platform import DEFAULT_PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.sources.kinds import SourceKind

NAMED_VERSION = "1.2.3"
"""The version used to check a manifest that defines no usable one."""


@frozen
class Report:
    """Findings, each with its JSON path: errors, which make a manifest unusable, and warnings."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def lint(text: str, origin: str, is_tool: Callable[[str], bool] = lambda _: True) -> Report:
    """Check the text of a manifest; `is_tool` returns whether a required tool exists."""
    errors = find_errors(text, origin)
    try:
        return Report(errors, _find_warnings(manifest_reader.decode(text, origin), origin, errors, is_tool))
    except (ManifestError, RecursionError):  # which is the error
        return Report(errors)


def find_errors(text: str, origin: str) -> tuple[str, ...]:
    """Return the errors of a manifest, each with its JSON path, without looking for warnings."""
    try:
        data = manifest_reader.decode(text, origin)
        errors = _find_errors(data)
        if not errors:
            manifest_reader.build(data, origin)
    except ManifestError as error:
        return tuple(error.issues)
    except RecursionError:
        return ("$: nested too deeply",)
    return errors


def _find_errors(data: Mapping[str, object]) -> tuple[str, ...]:
    results = [
        *values.invalid_unicode("$", data),
        *schema_check.find_issues(data),
        *_choices(data),
        *signing.unsupported_settings(data),
    ]
    results += _elsewhere([*_check_semantics(data), *_names(data)], results)
    return tuple(dict.fromkeys(results))


def _find_warnings(
    data: Mapping[str, object], origin: str, errors: Sequence[str], is_tool: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the warnings; those about releases only for a manifest without errors."""
    warnings = [*values.plain_http("$", data), *_unknown_requirements(data, is_tool)]
    if not errors:
        warnings = [*_warnings(manifest_reader.build(data, origin)), *warnings]
    return tuple(dict.fromkeys(warnings))


def _elsewhere(issues: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the issues at other paths: a value of the wrong type is reported only once."""
    paths = {_path_of(issue) for issue in others} - {"$"}
    return [issue for issue in issues if _path_of(issue) not in paths]


def _path_of(issue: str) -> str:
    return issue.partition(": ")[0]


def check(text: str, origin: str) -> None:
    """Raise ManifestError with every issue of a manifest that cannot be used."""
    errors = find_errors(text, origin)
    if errors:
        raise ManifestError(
            origin, errors, "docs/plugins.md explains each field of a manifest, with examples"
        )


def read(text: str, origin: str) -> Manifest:
    """Read a manifest that anyone may have written; raise ManifestError with every issue."""
    check(text, origin)
    return manifest_reader.read(text, origin)


def _choices(data: Mapping[str, object]) -> Iterator[str]:
    if ("versions_url" in data) == ("source" in data):
        yield "$: exactly one of 'versions_url' and 'source' is required"
    if not ({"bin", "bin_path_template", "links"} & _all_fields(data)) and not _has_bins_from_source(data):
        yield "$: missing 'bin_path_template' (or 'bin'): the location of the programs is unknown"


def _all_fields(data: Mapping[str, object]) -> set[str]:
    return {
        *data,
        *(field for layer in table(data, "platforms").values() if isinstance(layer, dict) for field in layer),
    }


def _has_bins_from_source(data: Mapping[str, object]) -> bool:
    """Return whether releases of the source list their own programs."""
    kind = _source_kind(data)
    return kind is not None and kind.provides_bins


def _source_kind(data: Mapping[str, object]) -> SourceKind | None:
    return KINDS.get(str(table(data, "source").get("kind")))


def _names(data: Mapping[str, object]) -> Iterator[str]:
    aliases = data.get("aliases")
    if isinstance(aliases, list) and data.get("name") in aliases:
        yield "$.aliases: an alias equals the tool's own name"


def _check_semantics(data: Mapping[str, object]) -> Iterator[str]:
    yield from _versions(table(data, "versions"), table(data, "source"))
    yield from values.literal_url_at("$.versions_url", str(data.get("versions_url", "")))
    for field in ("url", "api"):
        yield from values.literal_url_at(f"$.source.{field}", str(table(data, "source").get(field, "")))
    for path, layer in manifest_fields.iter_field_objects(data):
        yield from values.layer(path, layer)
    for path, override in manifest_fields.iter_overrides(data):
        if "versions" in override:
            yield from values.version_range(f"{path}.versions", str(override["versions"]))
    kind = _source_kind(data)
    if kind is None and "source" in data:
        return
    if kind and kind.has_assets and "versions_url" not in data:
        return
    if any("asset" in layer for _, layer in manifest_fields.iter_field_objects(data)):
        sources = ", ".join(kind.name for kind in KINDS.values() if kind.has_assets)
        yield f"$.asset: only supported with source {sources}; use download_url_template"


def _versions(options: Mapping[str, object], source: Mapping[str, object]) -> Iterator[str]:
    for field in ("path", "version", "date", "lts", "stable", "artifact", "url", "sha256", "size"):
        if field in options:
            yield from values.expression_at(f"$.versions.{field}", str(options[field]))
    for name, expression in table(options, "channels").items():
        yield from values.expression_at(f"$.versions.channels.{name}", str(expression))
    if "pattern" in options:
        yield from values.pattern_at("$.versions.pattern", str(options["pattern"]))
    if source.get("kind", "index") in KINDS.keys() - {"index"}:
        only = sorted({*options} - {"prefix", "pattern", "vendor"})
        yield from (f"$.versions.{field}: not supported with the source {source['kind']!r}" for field in only)
    if "{" in str(source.get("platform_package", "")):
        yield from values.template_at(
            "$.source.platform_package", str(source["platform_package"]), values.URL_NAMES
        )


def _warnings(manifest: Manifest) -> Iterator[str]:
    location = str(manifest.fields.get("download_url_template") or manifest.fields.get("asset") or "")
    if manifest.is_minimal and location:
        yield from _of_one_url(location)
    published = [p for p in DEFAULT_PLATFORMS if manifest.layout(_try_version(manifest), None, p)]
    if not published:
        yield "$: no platform is supported"
    for platform in published:
        layout = manifest.layout(_try_version(manifest), None, platform)
        if layout and not layout.bin and not layout.links and not KINDS[manifest.kind].provides_bins:
            yield f"$.platforms: missing 'bin_path_template' (or 'bin') for {platform.key}"
    url = str(manifest.fields.get("download_url_template") or "")
    if (
        url
        and not KINDS[manifest.kind].is_list_in_manifest
        and not {"version", "tag", "major"} & set(template.names(url))
    ):
        yield "$.download_url_template: names neither {version} nor {tag}, so every version is the same archive"


def _unknown_requirements(data: Mapping[str, object], is_tool: Callable[[str], bool]) -> Iterator[str]:
    for path, layer in manifest_fields.iter_field_objects(data):
        for number, name in enumerate(manifest_fields.strings(layer.get("requires"))):
            if not is_tool(name):
                yield f"{path}.requires[{number}]: unknown tool {name!r}"


def _of_one_url(url: str) -> Iterator[str]:
    path = url_hints.without_host(url)
    words = sorted({*url_hints.os_words(path), *url_hints.arch_words(path)})
    if words:
        yield (
            f"$.download_url_template: URL mentions {', '.join(words)}, so it applies to that platform only; "
            "use {os} and {arch}"
        )


def _try_version(manifest: Manifest) -> str:
    candidates = cast("list[object]", manifest.source.get("versions") or [NAMED_VERSION])
    first = candidates[0]
    version = first["version"] if isinstance(first, dict) else first
    return manifest.vendor + re.sub(r"\s", "", str(version))

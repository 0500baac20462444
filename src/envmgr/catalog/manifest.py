"""Manifests: the description of a tool in a JSON file, evaluated for a version and a platform.

Fields that describe an archive can differ by version (`overrides`) and by platform (`platforms`). They are laid over
each other in this order, the later winning: the manifest, matching overrides as written, the manifest's platforms,
the overrides' platforms; within platforms `os`, `os-libc`, `os-arch`, `os-arch-libc`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from envmgr.catalog import manifest_fields as layers
from envmgr.catalog import template
from envmgr.catalog.layout import Layout
from envmgr.catalog.release import Signature
from envmgr.catalog.url_hints import SINGLE_FILE, format_of, is_url_for_platform
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.catalog.manifest_fields import Fields
    from envmgr.kit.platform import Platform


@frozen
class Override:
    """Overrides for a range of versions."""

    versions: str
    fields: Mapping[str, object]
    platforms: Mapping[str, object]


@frozen
class Manifest:
    """One tool: its source, how to list its releases, and how its archives are laid out.

    `source["kind"]` names the module of `sources` that lists it; `versions` describes how to read the list.

    `digest` is `sha256:…` of the manifest's canonical JSON, so that blanks and line ends do not matter.
    """

    name: str
    source: Mapping[str, object]
    versions: Mapping[str, object] = {}
    fields: Mapping[str, object] = {}
    platforms: Mapping[str, object] = {}
    overrides: tuple[Override, ...] = ()
    description: str = ""
    homepage: str = ""
    license: str = ""
    aliases: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    default_vendor: str | None = None
    digest: str = ""
    origin: str = ""
    builtin: bool = False

    @property
    def kind(self) -> str:
        """Return the kind of source."""
        return str(self.source["kind"])

    @property
    def requires(self) -> tuple[str, ...]:
        """Return the tools that must be installed first."""
        return layers.strings(self.fields.get("requires"))

    @property
    def vendor(self) -> str:
        """Return the prefix of every version of the list (`temurin-`), or an empty string."""
        vendor = self.versions.get("vendor")
        return f"{vendor}-" if vendor else ""

    @property
    def has_script(self) -> bool:
        """Return whether installing may run a script of the manifest."""
        everything = [self.fields, *self.platforms.values()]
        everything += [layer for o in self.overrides for layer in (o.fields, *o.platforms.values())]
        return any("install_script" in layer for layer in everything if isinstance(layer, dict))

    @property
    def is_minimal(self) -> bool:
        """Return whether the manifest distinguishes no platforms, so that only its URL can."""
        mentioned = {name for text in self._location_fields(self.fields) for name in template.names(text)}
        distinguishes = mentioned & {*layers.MAPS, "ext", "exe"} or self.platforms
        return not distinguishes and not any(name in self.fields for name in layers.MAPS)

    def version_of(self, tag: str) -> str | None:
        """Return the version of a tag or list entry, or None if it is not this tool's."""
        tag, prefix, pattern = tag.strip(), self.versions.get("prefix"), self.versions.get("pattern")
        version = _after_prefix(tag, prefix, self.name)
        if version is None or pattern is None:
            return version and self.vendor + version
        spellings = (version,) if isinstance(prefix, str) else (tag, version)
        match = next((match for text in spellings if (match := re.search(str(pattern), text))), None)
        return self.vendor + match[min(1, match.re.groups)] if match else None

    def tag_of(self, version: str) -> str:
        """Return the likely tag of a version if its list is unavailable: the prefix and the version."""
        prefix = self.versions.get("prefix")
        return (prefix if isinstance(prefix, str) else "v") + self._bare(version)

    def values(self, version: str, tag: str | None, platform: Platform) -> dict[str, str] | None:
        """Return the template variables, in upstream's terms; None if the platform is unsupported."""
        fields = self._fields(version, platform)
        return None if fields is None else self._values(fields, version, tag, platform)

    def fill(self, text: str, version: str, tag: str | None, platform: Platform) -> str | None:
        """Return a template filled in for a release; None if the platform is unsupported."""
        values = self.values(version, tag, platform)
        return None if values is None else template.fill(text, values)

    def download_url(self, version: str, tag: str | None, platform: Platform) -> str | None:
        """Return the archive's URL by the template; None without one or on an unsupported platform."""
        return self._text("download_url_template", version, tag, platform)

    def has_template(self, version: str, platform: Platform) -> bool:
        """Return whether a template gives the URL of a version's archive."""
        fields = self._fields(version, platform)
        return fields is not None and bool(fields.get("download_url_template"))

    def version_in_url(self, url: str, version: str, platform: Platform) -> str | None:
        """Return the version for which the template gives a URL; None if it gives it for none.

        The template is that of `version`: manifests may differ by version.
        """
        fields = self._fields(version, platform)
        if fields is None or not fields.get("download_url_template"):
            return None
        values = self._values(fields, version, None, platform)
        match = template.pattern(str(fields["download_url_template"]), values).fullmatch(url)
        groups = match.groupdict() if match else {}
        if "version" in groups:
            return self.vendor + groups["version"]
        tag_version = self.version_of(groups["tag"]) if "tag" in groups else None
        return (
            tag_version if tag_version and self._bare(tag_version)[:1].isdigit() else None
        )  # a tag may have any name

    def asset(self, version: str, tag: str | None, platform: Platform) -> str | None:
        """Return the file name of the release for a platform; None if unknown."""
        return self._text("asset", version, tag, platform)

    def checksum(
        self, version: str, tag: str | None, platform: Platform, url: str
    ) -> Mapping[str, str] | None:
        """Return the `checksum` object for the archive at `url`, its templates filled in; None without one."""
        fields = self._fields(version, platform)
        if fields is None or not layers.table(fields, "checksum"):
            return None
        values = {**self._values(fields, version, tag, platform), **_values_of(url)}
        return layers.fill_map(fields, "checksum", values)

    def signature(self, version: str, platform: Platform, url: str) -> Signature | None:
        """Return the URL and accepted keys of the signature of the archive at `url`; None if not declared.

        As for `layout`, the archive exists even if the manifest lists none for the platform.
        """
        fields, _ = self._merge_fields(version, platform)
        result = layers.table(fields, "signature")
        if not result:
            return None
        values = {**self._values(fields, version, None, platform), **_values_of(url)}
        signature_url = template.fill(str(result["url_template"]), values)
        return Signature(str(result["kind"]), signature_url, layers.strings(result["keys"]))

    def layout(
        self, version: str, tag: str | None, platform: Platform, url: str | None = None
    ) -> Layout | None:
        """Return the layout of an archive; None if the platform is unsupported.

        Without a `url` it is the template's. With one, the archive exists even if the manifest lists none.
        """
        fields, published = self._merge_fields(version, platform)
        if not published and url is None:
            return None
        values = self._values(fields, version, tag, platform)
        check = layers.table(fields, "check")
        kind = layers.text(fields, "format", values) or format_of(url or _location(fields, values))
        return Layout(
            format=kind,
            bin=_bins(fields, values) or self._single_program(kind, values),
            strip=cast("int | None", fields.get("strip")),
            rename=layers.fill_map(fields, "rename", values),
            links=_links(fields, values),
            home=layers.text(fields, "home", values) or "",
            env=layers.fill_map(fields, "env", {**values, "home": "{home}"}),
            script=_script(fields, platform),
            builtin=self.builtin,
            requires=layers.strings(fields.get("requires")),
            check_args=tuple(template.fill(item, values) for item in layers.strings(check.get("args"))),
            check_expect=layers.text(check, "expect", values) or "",
            variants=self.variants,
            default_vendor=self.default_vendor,
        )

    def _text(self, field: str, version: str, tag: str | None, platform: Platform) -> str | None:
        fields = self._fields(version, platform)
        if fields is None:
            return None
        return layers.text(fields, field, self._values(fields, version, tag, platform))

    def _single_program(self, kind: str, values: Mapping[str, str]) -> tuple[str, ...]:
        """Return the program of a single-file release: the tool's name."""
        tool = self.name.rpartition("/")[2].rpartition(":")[2]
        return (f"{tool}{values['exe']}",) if kind in SINGLE_FILE else ()

    def _values(self, fields: Fields, version: str, tag: str | None, platform: Platform) -> dict[str, str]:
        values = template.values_of(self.name, self._bare(version), tag or self.tag_of(version), platform)
        ext = layers.text(fields, "ext", values) or ("zip" if platform.is_windows else "tar.gz")
        words = {name: layers.upstream_name(fields, name, values[name]) or "" for name in layers.MAPS}
        return {**values, **words, "ext": ext}

    def _bare(self, version: str) -> str:
        return version.removeprefix(self.vendor)

    def _fields(self, version: str, platform: Platform) -> Fields | None:
        fields, published = self._merge_fields(version, platform)
        return fields if published else None

    def _merge_fields(self, version: str, platform: Platform) -> tuple[Fields, bool]:
        """Return the merged fields that apply, and whether the platform is supported."""
        applying = [override for override in self.overrides if self._is_applicable(override, version)]
        base = layers.merge_layers([self.fields, *(override.fields for override in applying)])
        special = [
            layer
            for platforms in (self.platforms, *(override.platforms for override in applying))
            for layer in layers.platform_layers(platforms, platform)
        ]
        merged = layers.merge_layers([base, *(layer or {} for layer in special)])
        return merged, special[-1] is not None if special else self._is_published(merged, platform)

    def _is_applicable(self, override: Override, version: str) -> bool:
        from envmgr.versions import satisfies

        return satisfies(self._bare(version), override.versions, include_prerelease=True)

    def _is_published(self, fields: Fields, platform: Platform) -> bool:
        """Return whether a platform that `platforms` does not mention is supported.

        A name map may exclude it. musl must be mentioned: a program for glibc does not run there.
        """
        if any(layers.upstream_name(fields, name, getattr(platform, name)) is None for name in layers.MAPS):
            return False
        templates = self._location_fields(fields)
        if not templates:
            return True  # the source lists the artifacts of each platform
        if self.is_minimal:
            return is_url_for_platform(" ".join(templates), platform)
        mentioned = any("{libc}" in template for template in templates) or "musl" in layers.table(
            fields, "libc"
        )
        return platform.libc != "musl" or mentioned

    def _location_fields(self, fields: Mapping[str, object]) -> tuple[str, ...]:
        """Return the templates and expressions that locate an archive."""
        texts = [fields.get("download_url_template"), fields.get("asset")]
        texts += [self.versions.get("artifact"), self.versions.get("url")]
        return tuple(str(text) for text in texts if text)


def file_of(url: str) -> str:
    """Return the name of the file a URL leads to."""
    from urllib.parse import unquote

    return unquote(url.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2])


def _values_of(url: str) -> dict[str, str]:
    """Return the variables of templates for documents next to an archive."""
    return {"file": file_of(url), "url": url.partition("?")[0]}


def _after_prefix(tag: str, prefix: object, name: str) -> str | None:
    """Drop the prefix the manifest names; without one, a `v` or the tool's own name before a number."""
    if isinstance(prefix, str):
        return tag.removeprefix(prefix) if tag.startswith(prefix) else None
    guessed = _tag_pattern(name).fullmatch(tag)
    return guessed[1] if guessed else tag


@lru_cache(maxsize=64)
def _tag_pattern(name: str) -> re.Pattern[str]:
    """Return the pattern of a tool's tags, whose group is the version."""
    tool = name.rpartition("/")[2].rpartition(":")[2]
    return re.compile(rf"(?:{re.escape(tool)}[-_@/]?)?v?(\d.*)", re.IGNORECASE | re.DOTALL)


def _location(fields: Fields, values: Mapping[str, str]) -> str:
    return layers.text(fields, "download_url_template", values) or layers.text(fields, "asset", values) or ""


def _bins(fields: Fields, values: Mapping[str, str]) -> tuple[str, ...]:
    if fields.get("bin") is not None:
        return tuple(template.fill(path, values) for path in layers.strings(fields["bin"]))
    path = str(fields.get("bin_path_template") or "")
    inside = path.removeprefix("{version}").removeprefix("/") if path.startswith("{version}") else path
    return (template.fill(inside, values) or ".",) if path else ()


def _links(fields: Fields, values: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    links = {name: layers.strings(paths) for name, paths in layers.table(fields, "links").items()}
    return {
        name: tuple(template.fill(path, values) for path in paths) for name, paths in links.items() if paths
    }


def _script(fields: Fields, platform: Platform) -> str | None:
    return cast(
        "str | None", layers.table(fields, "install_script").get("windows" if platform.is_windows else "unix")
    )

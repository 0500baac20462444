"""Registry of source kinds, for the catalog, the linter and the command line.

This module is imported by commands that must start fast: it imports no source.
"""

from __future__ import annotations

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envmgr.catalog.manifest import Manifest


@frozen
class PackageNames:
    """Names of packages as tools: `kind:package`.

    `field` is the field of the manifest's source that holds the package, `pattern` what a package must match,
    `placeholder` and `example` are used in hints and help. `defaults` are fields of the manifest that such a
    tool gets.
    """

    field: str
    pattern: str
    placeholder: str
    example: str
    defaults: Mapping[str, object] = {}


@frozen
class SourceKind:
    """One kind of source.

    `module` implements it. `url_scheme` is the scheme of its artifacts' URLs where they name no host
    (`pypi:<project>/<file>`): the module then has `locate`, and the scheme is in `lockformat.urls.PACKAGE_SCHEMES`.
    An empty scheme means absolute URLs.
    """

    name: str
    module: str
    packages: PackageNames | None = None
    url_scheme: str = ""
    has_layout: bool = False
    """The module has `layout`: packages describe their own programs."""
    provides_bins: bool = False
    """Releases list their programs, so a manifest may omit them."""
    has_assets: bool = False
    """Releases have assets that a manifest may choose with `asset`."""
    supports_signatures: bool = True
    is_list_in_manifest: bool = False
    """The manifest lists the releases: reading them needs no network."""
    version_of_url: Callable[[Manifest, str], str | None] | None = None
    """Returns the version that a URL of this kind names; None where templates or lists give the URLs."""
    is_url_version_certain: bool = True
    """A URL that names a version is of no other one; a repository may release several tools under one tag."""

    def is_url_of_kind(self, url: str) -> bool:
        """Return whether a URL without a host belongs to this kind."""
        return bool(self.url_scheme) and url.startswith(f"{self.url_scheme}:")


def _github_version(manifest: Manifest, url: str) -> str | None:
    import re
    from urllib.parse import unquote

    repository = re.escape(str(manifest.source["repo"]))
    match = re.search(rf"/{repository}/releases/download/([^/]+)/", url, re.IGNORECASE)
    return manifest.version_of(unquote(match[1])) if match else None


def _npm_version(manifest: Manifest, url: str) -> str | None:
    package, _, version = url.partition(":")[2].rpartition("/")
    return version if package == manifest.source["package"] else None


def _pypi_version(_manifest: Manifest, url: str) -> str | None:
    from envmgr.catalog.sources import wheel_tags

    wheel = wheel_tags.parse(url.rpartition("/")[2])
    return wheel.version if wheel else None


_SOURCES = (
    SourceKind("index", "envmgr.catalog.sources.url_index"),
    SourceKind("static", "envmgr.catalog.sources.inline", is_list_in_manifest=True),
    SourceKind("git-tags", "envmgr.catalog.sources.git_tags"),
    SourceKind(
        "pypi",
        "envmgr.catalog.sources.pypi",
        PackageNames(
            "package",
            r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?",
            "NAME",
            "ruff",
            {"bin": ["bin"]},  # the directory of a wheel's programs
        ),
        url_scheme="pypi",
        version_of_url=_pypi_version,
        has_layout=True,
        supports_signatures=False,
    ),
    SourceKind(
        "npm",
        "envmgr.catalog.sources.npm",
        PackageNames(
            "package",
            r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*",
            "NAME",
            "prettier",
            {"requires": ["nodejs"]},  # runs most packages, and its npm may configure the registry
        ),
        url_scheme="npm",
        version_of_url=_npm_version,
        has_layout=True,
        provides_bins=True,
        supports_signatures=False,
    ),
    SourceKind(
        "github",
        "envmgr.catalog.sources.github",
        PackageNames("repo", r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", "OWNER/NAME", "cli/cli"),
        provides_bins=True,
        has_assets=True,
        version_of_url=_github_version,
        is_url_version_certain=False,
    ),
)

KINDS = {kind.name: kind for kind in _SOURCES}
"""All kinds by the name that manifests use."""


def package_kinds() -> Iterator[tuple[SourceKind, PackageNames]]:
    """Yield the kinds with packages as tools, each with its naming scheme."""
    for kind in KINDS.values():
        if kind.packages:
            yield kind, kind.packages


def is_package_prefix(text: str) -> bool:
    """Return whether `text:` begins the name of a package."""
    kind = KINDS.get(text)
    return kind is not None and kind.packages is not None


def kind_of_url(url: str) -> SourceKind | None:
    """Return the kind that locates a URL without a host; None for an absolute URL."""
    return next((kind for kind in KINDS.values() if kind.is_url_of_kind(url)), None)


def examples() -> str:
    """Return a package of each kind, for help texts: `pypi:ruff, …`."""
    return ", ".join(f"{kind.name}:{packages.example}" for kind, packages in package_kinds())


def placeholders() -> str:
    """Return how packages are named, for hints: `pypi:NAME, …`."""
    return ", ".join(f"{kind.name}:{packages.placeholder}" for kind, packages in package_kinds())

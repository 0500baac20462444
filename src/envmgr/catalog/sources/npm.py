"""Programs published on the npm registry that this machine's npm is configured for.

Two kinds of package can be installed without npm: one that brings all it needs (its commands run on Node.js), and
one that names a package with a compiled program for each platform. An artifact's URL is `npm:<package>/<version>`,
which names no host; `locate` finds where that archive is today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from envmgr.catalog import document_decoder, template
from envmgr.catalog import release_list as listings
from envmgr.catalog.release import Listing, Location, Release
from envmgr.catalog.sources import npm_bins, npm_config, npm_platforms
from envmgr.kit import digest
from envmgr.kit.errors import HttpError, InvalidRequest, SourceError
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.http import urls
from envmgr.lockformat.model import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.catalog.layout import Layout
    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.sources.npm_config import NpmConfig
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.digest import Digest
    from envmgr.kit.platform import Platform

SCHEME = "npm:"
ABBREVIATED = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"
FULL = "application/json"
_GONE = {404, 410}

Json = dict[str, Any]


@frozen
class Package:
    """One version of a package, as its registry describes it."""

    name: str
    version: str
    document: Json


def listing(manifest: Manifest, context: Context) -> Listing:
    """List all versions of a package, with its tags (`next`, `beta`) as aliases."""
    page = _packument(package_of(manifest), context)
    dates = page.get("time", {})
    releases = [
        Release(version, version, date=dates.get(version), prerelease="-" in version.partition("+")[0])
        for version in page["versions"]
    ]
    tags = {tag: version for tag, version in page.get("dist-tags", {}).items() if tag != "latest"}
    return listings.make(releases, tags)


def artifact(manifest: Manifest, release: Release, platform: Platform, context: Context) -> Artifact | None:
    """Find the archive for a platform: the platform's own package, else the package itself."""
    package = _serving(manifest, release.tag, platform, context)
    if package is None:
        return None
    return Artifact(f"{SCHEME}{package.name}/{package.version}", _digest_of(package))


def layout(manifest: Manifest, version: str, platform: Platform, context: Context) -> Layout | None:
    """Return the layout of a package: the commands of its `bin`, unless the manifest overrides them."""
    base = manifest.layout(version, version, platform, "package.tgz")
    if base is None:
        return None
    base = replace(base, strip=1 if base.strip is None else base.strip)
    return base if base.bin or base.links else _with_commands(base, manifest, version, platform, context)


def locate(artifact: Artifact, context: Context) -> Location:
    """Return the URL of an artifact's archive and the request headers for it."""
    name, _, version = artifact.url.removeprefix(SCHEME).rpartition("/")
    package = _package(name, version, context)
    if package is None:
        raise SourceError(
            f"{name} {version} not found in the npm registry",
            "run `npm config get registry` to check the registry, or `envmgr lock` to resolve again",
        )
    tarball = str(package.document["dist"]["tarball"])
    return Location(urls.without_credentials(tarball), _config(name, context).headers(tarball))


def package_of(manifest: Manifest) -> str:
    """Return the package of a manifest."""
    return str(manifest.source["package"])


def _with_commands(
    base: Layout, manifest: Manifest, version: str, platform: Platform, context: Context
) -> Layout | None:
    main, serving = _main(manifest, version, context), _serving(manifest, version, platform, context)
    if serving is None:
        return None
    commands = npm_bins.commands(main.document, main.name)
    if serving.name == main.name:
        return replace(base, links={name: (path,) for name, path in commands.items()})
    platform_commands = npm_bins.commands(serving.document, serving.name, is_required=False)
    links = npm_bins.in_platform_package(commands, platform_commands, is_windows=platform.is_windows)
    made_up = manifest.origin == manifest.name  # a manifest with its own template declares no dependencies
    return replace(base, links=links, requires=() if made_up else base.requires)


def _main(manifest: Manifest, version: str, context: Context) -> Package:
    package = _package(package_of(manifest), version, context)
    if package is None:
        raise SourceError(f"{package_of(manifest)} {version} not found in the npm registry")
    return package


def _serving(manifest: Manifest, version: str, platform: Platform, context: Context) -> Package | None:
    """Return the package to install on a platform; None if the platform is unsupported."""
    main = _main(manifest, version, context)
    template = manifest.source.get("platform_package")
    if template:
        return _package_of_template(str(template), manifest, main, platform, context)
    optional = cast("Json", main.document.get("optionalDependencies") or {})
    of_platforms = npm_platforms.of_platforms(optional)
    if of_platforms:
        return next(_fitting(of_platforms, optional, platform, context), None)
    _check_alone(main)
    return main if npm_platforms.is_for_platform(main.document, main.name, platform) else None


def _package_of_template(
    text: str, manifest: Manifest, main: Package, platform: Platform, context: Context
) -> Package | None:
    """Return the manifest's template filled in with npm's platform terms, unless its maps differ."""
    values = manifest.values(main.version, main.version, platform)
    if values is None:
        return None
    upstream_names = {
        "os": npm_platforms.OS[platform.os],
        "arch": npm_platforms.CPU.get(platform.arch, platform.arch),
    }
    own_names = {"os": platform.os, "arch": platform.arch}
    words = {name: upstream_names[name] for name in upstream_names if values[name] == own_names[name]}
    return _package(template.fill(text, {**values, **words}), main.version, context)


def _fitting(
    packages: tuple[str, ...], versions: Json, platform: Platform, context: Context
) -> Iterator[Package]:
    for name in npm_platforms.candidates(packages, platform):
        package = _package(name, str(versions[name]), context)
        if package and npm_platforms.is_for_platform(package.document, name, platform):
            yield package


def _check_alone(package: Package) -> None:
    bundled = package.document.get("bundleDependencies") or package.document.get("bundledDependencies") or ()
    needed = cast("Json", package.document.get("dependencies") or {})
    missing = [] if bundled is True else [name for name in needed if name not in bundled]
    if missing:
        some = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")  # noqa: PLR2004
        raise InvalidRequest(
            f"npm:{package.name} {package.version} has runtime dependencies ({some}), "
            "which envmgr does not install, as a lock would not hold their versions and digests",
            f"run `npm install --global {package.name}@{package.version}`, then `envmgr reshim` to create a shim",
        )


def _digest_of(package: Package) -> Digest | None:
    """Return the archive's digest: the integrity, or what old packages have instead."""
    dist = package.document["dist"]
    try:
        if dist.get("integrity"):
            return digest.from_integrity(dist["integrity"])
        return digest.parse(dist["shasum"], "sha1") if dist.get("shasum") else None
    except ValueError as error:
        raise SourceError(
            f"invalid digest of {package.name} {package.version} in the npm registry: {error}"
        ) from None


def _package(name: str, version: str, context: Context) -> Package | None:
    try:
        result = _packument(name, context)["versions"].get(version)
    except UnknownPackage:
        return None
    return Package(name, version, result) if result else None


class UnknownPackage(SourceError):
    """The registry has no such package."""


def _packument(name: str, context: Context) -> Json:
    return context.lists.memoize(f"npm {name}", lambda: _ask(name, context))


def _ask(name: str, context: Context) -> Json:
    config = _config(name, context)
    url = f"{urls.without_credentials(config.registry)}/{name.replace('/', '%2f')}"
    # Only the full document has the dates, and it can be many times the size.
    accept = FULL if context.settings.minimum_release_age else ABBREVIATED
    try:
        body = context.lists.get(url, {"Accept": accept, **config.headers(url)})
    except HttpError as error:
        if error.status in _GONE:
            raise UnknownPackage(f"package {name} not found in the npm registry") from None
        raise
    return _check_package(body, url)


def _check_package(body: bytes, url: str) -> Json:
    try:
        page = cast("Json", document_decoder.json_of(body.decode("utf-8-sig")))
        if all(isinstance(version["dist"]["tarball"], str) for version in page["versions"].values()):
            return page
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise SourceError(
        f"unexpected response from {url}: expected a package of an npm registry",
        "run `npm config get registry` to check the registry: a proxy or login page may have intercepted the request",
    )


def _config(name: str, context: Context) -> NpmConfig:
    scope = name.partition("/")[0] if name.startswith("@") else ""
    return context.lists.memoize(f"npm's configuration for {scope}", lambda: _load_config(name, context))


def _load_config(name: str, context: Context) -> NpmConfig:
    context.lists.dependencies.forbid_reuse()  # the registry may be that of an npm, which is asked
    config = npm_config.load(context.environment, name, context.paths.installs)
    if config.cafile:
        context.http.trust(config.cafile)
    return config

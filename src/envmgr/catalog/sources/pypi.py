"""Programs published as wheels on the configured Python package indexes.

An artifact's URL is `pypi:<project>/<file>`, which names no host; `locate` finds where that file is today.
"""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit

from envmgr.catalog import release_list as listings
from envmgr.catalog.release import Listing, Location, Release
from envmgr.catalog.sources import credentials, pip_config, pip_info, simple_index, wheel_tags
from envmgr.kit.errors import HttpError, InvalidRequest, NetworkError, SourceError
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.fs import list_names
from envmgr.kit.http import urls
from envmgr.lockformat.model import Artifact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.catalog.layout import Layout
    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.sources.pip_config import PipConfig
    from envmgr.catalog.sources.simple_index import File
    from envmgr.catalog.sources.source_context import Context
    from envmgr.catalog.sources.wheel_tags import Wheel
    from envmgr.kit.platform import Platform

SCHEME = "pypi:"
BIN = ("bin",)
"""The directory of a wheel's scripts."""
_GONE = {404, 410}


@frozen
class WheelFile:
    """A wheel that an index offers."""

    wheel: Wheel
    file: File


def listing(manifest: Manifest, context: Context) -> Listing:
    """List the versions of a project that have a wheel with a compiled program for some platform."""
    project = project_of(manifest)
    offers = _wheel_files(project, context)
    if not any(offer.wheel.can_hold_programs for offer in offers):
        raise _no_programs(project, offers)
    return listings.make(_release(version, of_it) for version, of_it in _by_version(offers).items())


def artifact(manifest: Manifest, release: Release, platform: Platform, context: Context) -> Artifact | None:
    """Return the release's wheel for a platform.

    Its size is omitted: only some indexes publish it, and a lock must not depend on the mirror.
    """
    if manifest.values(release.version, release.tag, platform) is None:
        return None
    project = project_of(manifest)
    offered = {
        offer.wheel: offer.file for offer in _by_version(_wheel_files(project, context)).get(release.tag, ())
    }
    wheel = wheel_tags.best(offered, platform)
    if wheel is None:
        return None
    file = offered[wheel]
    return Artifact(f"{SCHEME}{project}/{file.name}", file.digest)


def layout(manifest: Manifest, version: str, platform: Platform, context: Context) -> Layout | None:
    """Return the layout of a wheel: scripts in `bin`, unless the manifest overrides it."""
    del context
    base = manifest.layout(version, version, platform, "archive.whl")
    return base and replace(base, bin=base.bin or (() if base.links else BIN))


def locate(artifact: Artifact, context: Context) -> Location:
    """Find where an artifact's file is: in the first index that has it."""
    project, _, name = artifact.url.removeprefix(SCHEME).partition("/")
    unreachable: NetworkError | None = None
    for index in _index_urls(_config(context)):
        try:
            result = next(
                (file for file in _page(index, project, context) if _is_same_file(file, name, artifact)), None
            )
        except NetworkError as error:
            unreachable = unreachable or error
            continue
        if result:
            return Location(urls.without_credentials(result.url), credentials.for_url(result.url, index))
    raise unreachable or SourceError(
        f"{name} not found in the configured package indexes",
        "run `pip config list` to check the indexes, or `envmgr lock` to resolve again",
    )


def project_of(manifest: Manifest) -> str:
    """Return the normalized name of the project."""
    return wheel_tags.normal(str(manifest.source["package"]))


def _is_same_file(file: File, name: str, artifact: Artifact) -> bool:
    """Return whether a file is the locked one: indexes may hold others of the same name, built elsewhere."""
    same = file.digest and artifact.digest and file.digest.algorithm == artifact.digest.algorithm
    return file.name == name and (not same or file.digest == artifact.digest)


def _wheel_files(project: str, context: Context) -> tuple[WheelFile, ...]:
    return context.lists.memoize(f"pypi {project}", lambda: tuple(_find_wheel_files(project, context)))


def _find_wheel_files(project: str, context: Context) -> Iterator[WheelFile]:
    """Yield the wheels of all indexes, as pip does; of files with one name, the first index's counts."""
    seen: set[str] = set()
    for index in _index_urls(_config(context)):
        for file in _page(index, project, context):
            wheel = wheel_tags.parse(file.name)
            if wheel and wheel.project == project and file.name not in seen:
                seen.add(file.name)
                yield WheelFile(wheel, file)


def _config(context: Context) -> PipConfig:
    return context.lists.memoize("pip's configuration", lambda: _load_config(context))


def _load_config(context: Context) -> PipConfig:
    info = pip_info.load(context.environment, context.paths.pip_info)
    config = pip_config.load(context.environment, info)
    if config.dependencies is None:
        context.lists.dependencies.forbid_reuse()  # pip may find its files elsewhere in the next run
    for path in config.dependencies or ():
        context.lists.dependencies.add(path)
    if config.cert:
        context.http.trust(config.cert)
    return config


def _index_urls(config: PipConfig) -> tuple[str, ...]:
    """Return the pages that may list a project's files; an index URL contains `{}`."""
    return (*(f"{index}/{{}}/" for index in config.indexes), *config.find_links)


def _page(index: str, project: str, context: Context) -> tuple[File, ...]:
    url = index.replace("{}", project)
    return context.lists.memoize(f"files {url}", lambda: tuple(_read_page(url, context)))


def _read_page(url: str, context: Context) -> Iterable[File]:
    if url.startswith("file:") and not url.endswith((".html", ".htm")):
        return _read_folder(url, context)
    return _read_url(url, context)


def _read_url(url: str, context: Context) -> tuple[File, ...]:
    try:
        page = context.lists.document(url, {"Accept": simple_index.ACCEPT})
    except HttpError as error:
        if error.status in _GONE:
            return ()
        raise
    return simple_index.parse(page.body, page.headers.get("content-type", ""), page.url)


def _read_folder(url: str, context: Context) -> tuple[File, ...]:
    """Read a folder of this machine: its index.html, else the files in it."""
    folder = urls.unquote_path(urlsplit(url).path)
    context.lists.dependencies.add_directory(folder)
    base = url.rstrip("/")
    if os.path.isfile(os.path.join(folder, "index.html")):
        return _read_url(f"{base}/index.html", context)
    names = sorted(list_names(folder))
    return tuple(simple_index.File(name, f"{base}/{quote(name)}") for name in names)


def _by_version(wheel_files: Iterable[WheelFile]) -> dict[str, list[WheelFile]]:
    versions: dict[str, list[WheelFile]] = {}
    for offer in wheel_files:
        if offer.wheel.can_hold_programs:
            versions.setdefault(offer.wheel.version, []).append(offer)
    return versions


def _release(version: str, wheel_files: Iterable[WheelFile]) -> Release:
    from envmgr.versions import parse

    files = [offer.file for offer in wheel_files]
    return Release(
        version,
        version,
        date=min((file.uploaded for file in files if file.uploaded), default=None),
        prerelease=parse(version).is_prerelease,
        withdrawn=all(file.yanked for file in files),
    )


def _no_programs(project: str, wheel_files: tuple[WheelFile, ...]) -> InvalidRequest | SourceError:
    if wheel_files:
        return InvalidRequest(
            f"{project} is a Python package without a standalone program: it needs Python and its dependencies, "
            "which envmgr does not install, as a lock would not hold their versions and digests",
            f"run `pipx install {project}`",
        )
    return SourceError(
        f"no wheel of {project} in the configured package indexes",
        "check the spelling, or run `pip config list` to check the indexes",
    )

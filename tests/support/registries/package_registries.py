"""Package registries on a local server, and a machine that is configured to use them."""

from __future__ import annotations

import os
from base64 import b64encode
from hashlib import sha256, sha512
from typing import TYPE_CHECKING, Self

from envmgr.catalog.list_cache import ListCache
from envmgr.catalog.sources.source_context import Context
from envmgr.kit import paths as paths_module
from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.http.client import Http

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from support.http.fault_server import Server


class Notes:
    """A progress that records its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def step(self, task: str, label: str, total: int | None = None) -> None: ...

    def advance(self, task: str, count: int) -> None: ...

    def done(self, task: str, step: str) -> None: ...

    def message(self, message: str) -> None:
        self.notes.append(message)

    def debug(self, message: str) -> None: ...


class Machine:
    """Creates contexts of runs on one machine, with files below a directory; closes their connections."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: list[Http] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for http in self._opened:
            http.close()

    def run(
        self, variables: Mapping[str, str] | None = None, progress: Notes | None = None, **settings: object
    ) -> Context:
        """Return the context of one run."""
        all_settings = Settings(**{"http_retries": 0, "http_timeout": 60.0, **settings})
        environment = Environment({"HOME": str(self.root), **(variables or {})}, str(self.root))
        paths = paths_module.single_root(str(self.root / "envmgr"))
        http = Http(all_settings, environment, progress or Notes())
        self._opened.append(http)
        return Context(
            lambda: http,
            ListCache(paths, lambda: http, all_settings.offline, progress),
            all_settings,
            environment,
            paths,
        )

    def with_pip(self, first: str, *others: str, **settings: object) -> Context:
        """Return the context of a run where pip is configured for the given indexes only."""
        extra = {"PIP_INDEX_URL": first, "PIP_EXTRA_INDEX_URL": " ".join(others)}
        return self.run({"PIP_CONFIG_FILE": os.devnull, **extra}, **settings)

    def with_npm(self, registry: str, **settings: object) -> Context:
        """Return the context of a run where npm is configured for the given registry."""
        return self.run({"NPM_CONFIG_REGISTRY": registry}, **settings)


def simple_json(
    server: Server, project: str, files: Iterable[Mapping[str, object]], **options: object
) -> str:
    """Serve a project's page as JSON (PEP 691); return the index's URL."""
    entries = [
        {"url": f"../../files/{file['filename']}", "hashes": {"sha256": sha(str(file["filename"]))}, **file}
        for file in files
    ]
    page = {"meta": {"api-version": "1.1"}, "name": project, "files": entries}
    server.add_json(f"/simple/{project}/", page, **options)
    return f"{server.url}/simple"


def simple_html(server: Server, project: str, files: Iterable[str], at: str = "/simple") -> str:
    """Serve a project's page as HTML (PEP 503); return the index's URL."""
    links = "\n".join(f'<a href="../../files/{file}#sha256={sha(file)}">{file}</a><br>' for file in files)
    body = f"<!DOCTYPE html><html><body>{links}</body></html>"
    server.add(f"{at}/{project}/", body, {"Content-Type": "text/html"})
    return f"{server.url}{at}"


def sha(name: str) -> str:
    """Return the digest of a file of that name in these registries."""
    return sha256(name.encode()).hexdigest()


def packument(server: Server, package: str, *versions: Mapping[str, object], **fields: object) -> str:
    """Serve a package of an npm registry; return the registry's URL."""
    documents = dict(_documents(server, package, versions))
    last = list(documents)[-1]
    page = {"name": package, "dist-tags": {"latest": last}, "versions": documents, **fields}
    server.add_json(f"/npm/{package.replace('/', '%2f')}", page)
    return f"{server.url}/npm/"


def _documents(
    server: Server, package: str, versions: Iterable[Mapping[str, object]]
) -> Iterator[tuple[str, dict[str, object]]]:
    for manifest in versions:
        version = str(manifest["version"])
        tarball = f"{server.url}/npm/{package}/-/{package.rpartition('/')[2]}-{version}.tgz"
        dist = {"tarball": tarball, "integrity": integrity(package, version)}
        yield version, {"name": package, "dist": dist, **manifest}


def integrity(package: str, version: str) -> str:
    """Return the integrity of a package version in these registries."""
    return f"sha512-{b64encode(sha512(f'{package}@{version}'.encode()).digest()).decode()}"

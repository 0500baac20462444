"""Recorded upstreams: lists and servers with the documents of `tests/data/upstreams`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envmgr.catalog.catalog import Catalog
from envmgr.catalog.list_cache import Document, ListDependencies
from envmgr.catalog.registry import Registry
from envmgr.catalog.sources.source_context import Context
from envmgr.kit import data_files
from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import HttpError
from envmgr.kit.paths import single_root
from support.archives import upstream_archives
from support.archives.minisign_signer import Signer
from support.http import faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from contract.expected import Row
    from support.http.fault_server import Server

FOLDER = Path(__file__).parents[2] / "data" / "upstreams"


class Recorded:
    """Lists for a few URLs, with a record of the requests."""

    def __init__(self, responses):
        self.responses = responses
        self.requests = []
        self.dependencies = ListDependencies()

    @classmethod
    def of(cls, tool):
        urls = json.loads((FOLDER / tool / "urls.json").read_text(encoding="utf-8"))
        return cls({url: _read_recording(tool, file_name) for url, file_name in urls.items()})

    def get(self, url, headers=None, *, limit=1 << 30):
        return self.document(url, headers, limit=limit).body

    def document(self, url, headers=None, *, limit=1 << 30):
        self.requests.append(url)
        if url not in self.responses:
            raise HttpError(f"{url}: 404 Not Found", status=404)
        body, stored_headers = self.responses[url]
        assert len(body) <= limit
        return Document(body, url, stored_headers)


def _read_recording(tool, file_name):
    file, link = (file_name["file"], file_name["link"]) if isinstance(file_name, dict) else (file_name, "")
    return (FOLDER / tool / file).read_bytes(), {"link": link} if link else {}


def context(lists, root, **settings):
    """Return a context for sources, without PATH so that git is not available."""
    return Context(
        lambda: None, lists, Settings(**settings), Environment({}, str(root)), single_root(str(root))
    )


def catalog_of(tool, root):
    """Open a catalog of the built-in tools whose upstream is recorded."""
    return Catalog(Registry(single_root(str(root))), context(Recorded.of(tool), root))


def sha256_of(url):
    """Return the digest of a URL in the recorded documents."""
    return f"sha256:{hashlib.sha256(url.encode()).hexdigest()}"


class Upstreams:
    """Upstreams of the built-in tools on a local server, used as mirrors of unchanged manifests.

    Only upstream can sign with the keys in some manifests: `manifests` returns these with a key of this class.

    The recorded documents are served with the digests and sizes of real archives, which are created when a tool is
    published. As real upstreams do, some redirect downloads to other hosts.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.archives: dict[str, bytes] = {}
        self.signer = Signer()
        self._hosts: set[str] = set()

    @property
    def variables(self) -> dict[str, str]:
        """The variables that redirect envmgr to this server."""
        pairs = (f"https://{host}={self.server.url}/{host}" for host in sorted(self._hosts))
        return {"ENVMGR_MIRRORS": " ".join(pairs), "ENVMGR_HTTP_RETRIES": "0"}

    def publish(self, tool: str, archives: Mapping[str, Mapping[str, Row]]) -> None:
        """Serve a tool's lists, sums and archives; `archives` has their URLs by version and platform."""
        rows = [(v, key, row.url) for v, rows in archives.items() for key, row in rows.items()]
        builds = {url: upstream_archives.Build(v, key, _file(url)) for v, key, url in reversed(rows)}
        self.archives |= {url: upstream_archives.archive(tool, build) for url, build in builds.items()}
        for url in builds:
            self._serve_archive(url)
        self._sign(tool, builds)
        for url, file_name in json.loads((FOLDER / tool / "urls.json").read_text(encoding="utf-8")).items():
            body, headers = _read_recording(tool, file_name)
            kind = (
                {"Content-Type": "application/x-git-upload-pack-advertisement"} if "/info/refs" in url else {}
            )
            self._serve(url, self._real(body), {**headers, **kind})

    def manifests(self, tool: str) -> list[dict[str, object]]:
        """Return the manifest of a signed tool for the user's plugins; none for an unsigned tool."""
        text = (Path(data_files.directory("plugins")) / f"{tool}.json").read_text(encoding="utf-8")
        document = json.loads(text)
        if "signature" not in document:
            return []
        return [{**document, "signature": {**document["signature"], "keys": [self.signer.public]}}]

    def path(self, url: str) -> str:
        """Return the server's path for a URL of an upstream."""
        host = urlsplit(url).netloc
        self._hosts.add(host)
        return "/" + url.partition("://")[2]

    def locked(self, rows: Mapping[str, Row]) -> dict[str, tuple[str, str]]:
        """Return what a lock must record of a release by platform: upstream's own URL, and the digest."""
        return {
            key: (row.url, hashlib.sha256(self.archives[row.url]).hexdigest()) for key, row in rows.items()
        }

    def _serve(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.server.add(self.path(url), body, headers)

    def _sign(self, tool: str, urls: Iterable[str]) -> None:
        for manifest in self.manifests(tool):
            template = manifest["signature"]["url_template"]
            for url in urls:
                document = self.signer.sign(self.archives[url], _file(url))
                self._serve(template.replace("{url}", url), document)

    def _serve_archive(self, url: str) -> None:
        elsewhere = _REDIRECTS.get(urlsplit(url).netloc)
        if elsewhere is None:
            return self._serve(url, self.archives[url])
        host, query = elsewhere
        target = f"https://{host}/{hashlib.sha256(url.encode()).hexdigest()[:12]}/{_file(url)}{query}"
        self.server.add(self.path(url), b"", fault=faults.redirect(target))
        return self._serve(target, self.archives[url])

    def _real(self, body: bytes) -> bytes:
        """Return a recorded document with the digests and sizes of the created archives."""
        for url, content in self.archives.items():
            recorded = sha256_of(url).removeprefix("sha256:")
            real = hashlib.sha256(content).hexdigest()
            body = body.replace(recorded.encode(), real.encode())
            body = body.replace(recorded.upper().encode(), real.upper().encode())
        sizes = {url: len(content) for url, content in self.archives.items()}
        sizes |= {hashlib.sha256(content).hexdigest(): len(content) for content in self.archives.values()}
        try:
            return json.dumps(_resized(json.loads(body), sizes)).encode()
        except ValueError:  # sums, and lists of lines, contain no sizes
            return body


_REDIRECTS = {
    "github.com": ("release-assets.githubusercontent.com", "?sp=r&sig=secret&jwt=secret"),
    "dl.k8s.io": ("cdn.dl.k8s.io", ""),
}


def _file(url: str) -> str:
    return unquote(url.rpartition("/")[2])


def _resized(value: object, sizes: Mapping[str, int]) -> object:
    """Return a document whose objects with a known URL or digest have the matching size."""
    if isinstance(value, list):
        return [_resized(item, sizes) for item in value]
    if not isinstance(value, dict):
        return value
    texts = (str(item).removeprefix("sha256:") for item in value.values())
    size = next((sizes[text] for text in texts if text in sizes), None)
    changed = {name: _resized(item, sizes) for name, item in value.items()}
    return {**changed, "size": type(value["size"])(size)} if size and "size" in value else changed

"""Upstreams in small: lists that answer from `tests/data/upstreams` instead of the network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from envmgr.catalog.catalog import Catalog
from envmgr.catalog.lists import Document
from envmgr.catalog.registry import Registry
from envmgr.catalog.sources.context import Context
from envmgr.kit.environment import Environment
from envmgr.kit.errors import HttpError
from envmgr.kit.paths import one_root
from envmgr.kit.settings import Settings

FOLDER = Path(__file__).parent.parent / "data" / "upstreams"


class Recorded:
    """Lists that know a few addresses, and note what they are asked for."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    @classmethod
    def of(cls, tool):
        listed = json.loads((FOLDER / tool / "urls.json").read_text(encoding="utf-8"))
        return cls({url: _answer(tool, named) for url, named in listed.items()})

    def get(self, url, headers=None, *, limit=1 << 30):
        return self.document(url, headers, limit=limit).body

    def document(self, url, headers=None, *, limit=1 << 30):  # noqa: ARG002 - what lists are asked with
        self.asked.append(url)
        if url not in self.answers:
            raise HttpError(f"{url}: 404 Not Found", status=404)
        body, kept = self.answers[url]
        assert len(body) <= limit
        return Document(body, url, kept)


def _answer(tool, named):
    file, link = (named["file"], named["link"]) if isinstance(named, dict) else (named, "")
    return (FOLDER / tool / file).read_bytes(), {"link": link} if link else {}


def context(lists, root, **settings):
    """Make what sources get, with no PATH, so that git is not found."""
    return Context(None, lists, Settings(**settings), Environment({}, str(root)), one_root(str(root)))


def catalog_of(tool, root):
    """Open a catalog of the built-in tools whose upstream is recorded."""
    return Catalog(Registry(one_root(str(root))), context(Recorded.of(tool), root))


def sha256_of(url):
    """Return the digest that the recorded documents give for an address."""
    return f"sha256:{hashlib.sha256(url.encode()).hexdigest()}"

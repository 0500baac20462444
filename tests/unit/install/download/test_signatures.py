"""Fetching, caching and verifying signatures, and the fate of unsigned downloads."""

from __future__ import annotations

import hashlib
import os

import pytest

from envmgr.catalog.release import Signature
from envmgr.install.download import cache, signatures
from envmgr.install.download.download import Download
from envmgr.kit import environment
from envmgr.kit.config.settings import Settings
from envmgr.kit.digest import Digest
from envmgr.kit.errors import HttpError, Offline, SignatureError, StorageError
from envmgr.kit.http.client import Http
from envmgr.kit.paths import single_root
from envmgr.kit.progress import NullProgress
from envmgr.lockformat.model import Artifact
from support.archives.minisign_signer import Signer

CONTENT = b"the archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
UPSTREAM = Signer()
GOOD = UPSTREAM.sign(CONTENT, "tool.tgz")


class Bench:
    """A download in the cache, and the server of its signature."""

    def __init__(self, root, server):
        self.server = server
        self.url = f"{server.url}/tool.tgz"
        self.paths = single_root(str(root))
        self.reports: list[int] = []
        self.archive = cache.path_of(self.paths, SHA256)
        self.cached_signature = cache.signature_of(self.paths, SHA256)
        os.makedirs(os.path.dirname(self.archive))
        with open(self.archive, "wb") as file:
            file.write(CONTENT)

    def verify(self, *, signer=UPSTREAM, digest=True, query="", **settings):
        artifact = Artifact(f"{self.url}{query}", Digest("sha256", SHA256) if digest else None)
        download = Download(self.archive, SHA256, len(CONTENT), from_cache=False, url=artifact.url)
        signature = Signature("minisign", f"{self.url}.minisig{query}", (signer.public,))
        with Http(Settings(http_retries=0, **settings), environment.current()) as http:
            signatures.verify(
                signature, artifact, download, http=http, paths=self.paths, report=self.reports.append
            )

    def serve(self, document, **options):
        self.server.add("/tool.tgz.minisig", document, **options)


@pytest.fixture
def bench(tmp_path, server):
    return Bench(tmp_path / "root", server)


def test_a_valid_signature_is_cached_and_needs_no_network_again(bench):
    bench.serve(GOOD)
    bench.verify()
    assert sum(bench.reports) == len(CONTENT)
    request_count = len(bench.server.requests)
    bench.verify()
    bench.verify(offline=True)
    assert len(bench.server.requests) == request_count


def test_without_network_and_cache_verification_is_an_error(bench):
    with pytest.raises(Offline, match=r"tool\.tgz\.minisig"):
        bench.verify(offline=True)


def test_a_cached_signature_is_verified_each_time_and_requested_again_if_invalid(bench):
    bench.serve(GOOD)
    bench.verify()
    with open(bench.cached_signature, "ab") as file:
        file.write(b"damaged")
    bench.verify()
    with open(bench.cached_signature, "rb") as file:
        assert file.read() == GOOD


def test_a_cached_signature_is_not_valid_for_another_key(bench):
    bench.serve(GOOD)
    bench.verify()
    with pytest.raises(SignatureError, match="signed by key"):
        bench.verify(signer=Signer("other"))


def test_a_missing_signature_is_named(bench):
    with pytest.raises(SignatureError) as caught:
        bench.verify()
    assert f"minisign signature for {bench.url} not found" in caught.value.message
    assert f"not found: {bench.url}.minisig" in caught.value.message
    assert caught.value.hint.startswith("nothing was installed")
    assert not os.path.exists(bench.cached_signature)


def test_a_bad_signature_error_names_the_expected_key(bench):
    bench.serve(UPSTREAM.sign(b"another", "tool.tgz"))
    with pytest.raises(SignatureError) as caught:
        bench.verify()
    for part in (bench.url, f"{bench.url}.minisig", UPSTREAM.public, "invalid signature"):
        assert part in caught.value.message
    assert not os.path.exists(bench.cached_signature)


def test_secrets_in_urls_are_redacted(bench):
    with pytest.raises(SignatureError) as caught:
        bench.verify(query="?token=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("document", [None, b"<html>", UPSTREAM.sign(b"another", "tool.tgz")])
@pytest.mark.parametrize("digest", [True, False])
def test_an_unsigned_download_stays_only_with_a_matching_digest(bench, document, digest):
    if document:
        bench.serve(document)
    cache.record_digest(bench.paths, Artifact(bench.url), SHA256)
    with pytest.raises(SignatureError):
        bench.verify(digest=digest)
    assert os.path.exists(bench.archive) == digest
    assert (cache.find(bench.paths, Artifact(bench.url), NullProgress(), "tool 1.0") is not None) == digest


def test_other_server_failures_are_passed_on(bench):
    bench.serve(b"", status=403)
    with pytest.raises(HttpError, match="403") as caught:
        bench.verify(digest=False)
    assert caught.value.code == "http"
    assert os.path.exists(bench.archive)


def test_an_endless_document_is_not_read_to_its_end(bench):
    bench.serve(b"x" * (signatures.LIMIT + 1))
    with pytest.raises(HttpError, match="exceeds"):
        bench.verify()


def test_an_unreadable_download_is_named(bench):
    bench.serve(GOOD)
    os.unlink(bench.archive)
    with pytest.raises(StorageError, match=SHA256):
        bench.verify()

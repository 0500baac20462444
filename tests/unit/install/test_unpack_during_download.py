"""Archives that are unpacked during their download, and published when they are verified."""

from __future__ import annotations

import gzip
import hashlib
import os
import pathlib
import random
import sys
import threading
import time

import pytest

from envmgr.catalog.layout import Layout
from envmgr.catalog.release import Location, Signature
from envmgr.install import installer, store, unpacker
from envmgr.install.archive import safety
from envmgr.install.download import cache
from envmgr.install.download.download import download
from envmgr.install.download.growing_file import GrowingFile, IncompleteContent
from envmgr.install.install_job import InstallJob
from envmgr.kit import environment
from envmgr.kit.config.settings import Settings
from envmgr.kit.digest import Digest
from envmgr.kit.errors import DigestMismatch, HttpError, IncompleteDownload, SignatureError, UnsafeArchive
from envmgr.kit.http.client import Http
from envmgr.kit.paths import single_root
from envmgr.kit.platform import Platform
from envmgr.lockformat.model import Artifact
from support.archives.archive_builder import compress, program, tar, zipped
from support.archives.minisign_signer import Signer
from support.client_fakes import FakeClock, RecordingProgress
from support.http import faults

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows moves no open files")

LINUX = Platform("linux", "x64", "gnu")
TREE = {
    "tool-1/bin/tool": program("tool", "1"),
    **{f"tool-1/share/{number}": random.Random(number).randbytes(50_000) for number in range(8)},
}
CONTENT = tar(TREE)
HALF = len(CONTENT) // 2
LAYOUT = Layout("tar.gz", ("bin/tool",))
PATIENCE_SECONDS = 30


def digest_of(content):
    return Digest("sha256", hashlib.sha256(content).hexdigest())


class Machine:
    """Installs the tool of a server into a root of its own."""

    def __init__(self, root, server):
        self.server = server
        self.paths = single_root(str(root))
        self.progress = RecordingProgress()
        self.http = Http(
            Settings(http_timeout=20, http_retries=2),
            environment.current(),
            self.progress,
            clock=FakeClock().clock,
        )
        self.stop = threading.Event()

    def install(self, url, digest, layout=LAYOUT, signature=None):
        job = InstallJob(
            "tool", "1.0.0", LINUX, Artifact(url, digest), layout, plugin="sha256:aa", signature=signature
        )
        return installer.install(
            job,
            paths=self.paths,
            http=lambda: self.http,
            locate=lambda artifact: Location(artifact.url),
            progress=self.progress,
            trusted=("sha256:aa",),
            jobs=1,
            stop=self.stop,
        )

    def staged(self):
        """Return the names of the staged files."""
        return [
            name
            for _, _, names in os.walk(self.paths.staging)
            for name in names
            if not name.endswith(".lock")
        ]

    def has_staged(self, name):
        return name in self.staged()

    def unpacked_during_download(self):
        """Return whether no file was unpacked after its download."""
        return not any("after the download" in trace for trace in self.progress.traces)

    def check_nothing_left(self):
        assert store.versions(self.paths, "tool") == ()
        assert not os.path.isdir(self.paths.staging) or os.listdir(self.paths.staging) == []

    def check_installed(self, tree=None):
        installed = store.get(self.paths, "tool", "1.0.0")
        for path, content in (tree or TREE).items():
            assert pathlib.Path(installed.path, path.partition("/")[2]).read_bytes() == content
        assert store.check(self.paths, "tool", "1.0.0") == ()
        assert os.listdir(self.paths.staging) == []


@pytest.fixture(autouse=True)
def small_archives(monkeypatch):
    """Unpack archives of any size during their download, in blocks as small as the server sends."""
    monkeypatch.setattr(unpacker, "SMALL", 1)
    monkeypatch.setattr("envmgr.install.download.download.BATCH", 1)


@pytest.fixture
def machine(tmp_path, server):
    new_machine = Machine(tmp_path / "ro ot'$", server)
    with new_machine.http:
        yield new_machine


def paused(after, condition, times=1):
    """Return a fault that sends some bytes, and the others once a condition holds; and whether it did."""
    outcome = []

    def act(exchange):
        range_ = exchange.request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-")
        start, size = int(range_), exchange.page.body.size
        headers = {**exchange.page.validators(), "Content-Length": str(size - start)}
        content_range = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        exchange.head(206 if start else 200, {**headers, **content_range})
        for block in exchange.page.body.blocks(start, start + after):
            exchange.write(block)
        outcome.append(await_condition(condition))
        for block in exchange.page.body.blocks(start + after, size):
            exchange.write(block)

    fault = faults.fault(act, times)
    return fault, outcome


def await_condition(condition):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("tar.gz", CONTENT),
        ("tar.xz", tar(TREE, compression="xz")),
        ("tar.zst", tar(TREE, compression="zst")),
        ("tar", tar(TREE, compression="")),
    ],
)
def test_files_are_unpacked_before_the_archive_is_complete(kind, content, machine, server):
    fault, outcome = paused(len(content) * 3 // 4, lambda: machine.has_staged("tool"))
    machine.install(server.add("/f", content, fault=fault), digest_of(content), Layout(kind, ("bin/tool",)))
    assert outcome == [True]
    assert machine.unpacked_during_download()
    machine.check_installed()


def test_a_compression_in_long_blocks_is_unpacked_during_its_download(machine, server):
    content = tar(TREE, compression="bz2")
    machine.install(server.add("/f", content), digest_of(content), Layout("tar.bz2", ("bin/tool",)))
    assert machine.unpacked_during_download()
    machine.check_installed()


def test_a_single_program_is_unpacked_during_its_download(machine, server):
    content = compress(program("tool", "1"), "gz")
    machine.install(server.add("/f", content), digest_of(content), Layout("gz", ("bin/run",)))
    assert machine.unpacked_during_download()
    assert store.get(machine.paths, "tool", "1.0.0").commands() == ("run",)


def test_nothing_is_published_before_the_last_byte(machine, server):
    fault, outcome = paused(len(CONTENT) - 1, lambda: machine.has_staged("7"))
    url = server.add("/f", CONTENT, fault=fault)
    seen = []
    server.pages["/f"].faults[0] = fault
    original_rename = os.rename

    def rename(source, target):
        seen.append(list(outcome))
        original_rename(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installer.os, "rename", rename)
        machine.install(url, digest_of(CONTENT))
    assert seen == [[True]]
    machine.check_installed()


@pytest.mark.parametrize("kind", ["tar.gz", "tar"])
def test_a_wrong_digest_leaves_nothing_and_runs_no_script(kind, machine, server, tmp_path):
    content = CONTENT if kind == "tar.gz" else tar(TREE, compression="")
    marker = tmp_path / "ran"
    layout = Layout(kind, ("bin/tool",), script=f"touch '{marker}'", builtin=True)
    fault, outcome = paused(len(content) * 3 // 4, lambda: machine.has_staged("tool"))
    url = server.add("/f", content, fault=fault)
    with pytest.raises(DigestMismatch, match="digest mismatch for") as caught:
        machine.install(url, digest_of(b"other"), layout)
    assert outcome == [True]
    assert url in caught.value.message
    assert caught.value.hint.startswith("nothing was installed")
    assert not marker.exists()
    machine.check_nothing_left()
    downloads = machine.paths.downloads
    assert [names for _, _, names in os.walk(downloads) if names] == []


def test_a_tampered_archive_that_crashes_a_reader_is_a_digest_mismatch(machine, server, monkeypatch):
    def crash(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(unpacker.formats.tar_reader, "read", crash)
    with pytest.raises(DigestMismatch):
        machine.install(server.add("/f", CONTENT), digest_of(b"other"))
    assert not machine.unpacked_during_download()
    machine.check_nothing_left()


def test_a_script_runs_after_the_digest_is_verified(machine, server):
    layout = Layout("tar.gz", ("bin/tool",), script='ls "$ENVMGR_DOWNLOAD_DIR" > downloads')
    machine.install(server.add("/f", CONTENT), digest_of(CONTENT), layout)
    installed = store.get(machine.paths, "tool", "1.0.0")
    assert pathlib.Path(installed.path, "downloads").read_text() == "f\n"


@pytest.mark.parametrize("signer", [Signer(), Signer("stranger")], ids=["signed", "signed by a stranger"])
def test_a_signature_is_verified_before_anything_is_published(signer, machine, server):
    url = server.add("/f.tar.gz", CONTENT)
    server.add("/f.tar.gz.minisig", signer.sign(CONTENT, "f.tar.gz"))
    signature = Signature("minisign", f"{url}.minisig", (Signer().public,))
    if signer.public == Signer().public:
        machine.install(url, digest_of(CONTENT), signature=signature)
        machine.check_installed()
    else:
        with pytest.raises(SignatureError):
            machine.install(url, digest_of(CONTENT), signature=signature)
        machine.check_nothing_left()
    assert machine.unpacked_during_download()


@pytest.mark.parametrize(
    ("layout", "digest"), [(LAYOUT, None), (Layout("zip", ("bin/tool",)), digest_of(zipped(TREE)))]
)
def test_an_archive_without_a_digest_or_a_zip_is_unpacked_after_its_download(
    layout, digest, machine, server, monkeypatch
):
    monkeypatch.setattr(unpacker.formats, "open_stream", None)
    machine.install(server.add("/f", CONTENT if digest is None else zipped(TREE)), digest, layout)
    machine.check_installed()


def test_a_cached_archive_is_unpacked_without_a_download(machine, server):
    url = server.add("/f", CONTENT)
    machine.install(url, digest_of(CONTENT))
    store.remove(machine.paths, "tool", "1.0.0")
    assert machine.install(url, digest_of(CONTENT)).from_cache
    machine.check_installed()
    assert len(server.requests) == 1


def test_a_broken_connection_continues_with_the_same_bytes(machine, server):
    url = server.add("/f", CONTENT, fault=faults.truncated(HALF, times=1))
    machine.install(url, digest_of(CONTENT))
    assert [request.headers.get("range") for request in server.requests] == [None, f"bytes={HALF}-"]
    assert machine.unpacked_during_download()
    machine.check_installed()


def test_a_download_that_restarts_is_unpacked_from_the_start(machine, server):
    outcome = []
    url = server.add("/f", CONTENT, etag=None, modified=None)

    def hang_up_later(exchange):
        exchange.head(200, {"Content-Length": str(len(CONTENT))})
        exchange.write(CONTENT[:HALF])
        outcome.append(await_condition(lambda: machine.has_staged("tool")))
        exchange.hang_up()

    server.pages["/f"].faults.append(faults.fault(hang_up_later, 1))
    machine.install(url, digest_of(CONTENT))
    assert outcome == [True]
    assert len(server.requests) == 2
    machine.check_installed()


def test_content_that_changes_between_two_requests_is_never_mixed(machine, server):
    other = {**TREE, "tool-1/bin/tool": program("tool", "2")}
    changed = tar(other)

    def change_later(exchange):
        exchange.head(200, {**exchange.page.validators(), "Content-Length": str(len(CONTENT))})
        exchange.write(CONTENT[:HALF])
        await_condition(lambda: machine.has_staged("tool"))
        server.change("/f", changed)
        exchange.hang_up()

    url = server.add("/f", CONTENT, fault=faults.fault(change_later, 1))
    machine.install(url, digest_of(changed))
    machine.check_installed(other)


def test_a_partial_download_of_an_earlier_run_is_unpacked_before_more_arrives(machine, server):
    url = server.add("/f", CONTENT, fault=faults.truncated(HALF // 3, times=3))
    with pytest.raises(IncompleteDownload):
        machine.install(url, digest_of(CONTENT))
    machine.check_nothing_left()
    there = cache.partial_of(machine.paths, url).size
    fault, outcome = paused(0, lambda: machine.has_staged("tool"))
    server.pages["/f"].faults[:] = [fault]
    machine.progress.traces.clear()
    machine.install(url, digest_of(CONTENT))
    assert outcome == [True]
    assert server.requests[-1].headers["range"] == f"bytes={there}-"
    assert machine.unpacked_during_download()
    machine.check_installed()


def test_a_hostile_archive_is_refused_as_after_a_download(machine, server):
    content = tar({"bin/tool": b"", "../x": b""})
    with pytest.raises(UnsafeArchive, match=r"cannot unpack tool 1\.0\.0 from .*path traversal in '\.\./x'"):
        machine.install(server.add("/f", content), digest_of(content))
    machine.check_nothing_left()


def test_a_bomb_is_refused(machine, server, monkeypatch):
    monkeypatch.setattr(safety, "FREE_BYTES", 1 << 20)
    content = tar({"bin/tool": bytes(4 << 20)})
    with pytest.raises(UnsafeArchive, match="possible zip bomb"):
        machine.install(server.add("/f", content), digest_of(content))
    machine.check_nothing_left()


def test_an_unverified_archive_expands_no_further_than_what_arrived_allows(machine, server, monkeypatch):
    monkeypatch.setattr(safety, "FREE_BYTES", 1 << 20)
    zeros = tar({"tool-1/bin/tool": program("tool", "1"), "tool-1/zeros": bytes(4 << 20)})
    content = zeros + random.Random(1).randbytes(1 << 20)  # ignored by gzip, and it raises the limit
    fault, outcome = paused(
        len(zeros), lambda: any("possible zip bomb" in trace for trace in machine.progress.traces)
    )
    machine.install(server.add("/f", content, fault=fault), digest_of(content))
    assert outcome == [True]
    assert store.get(machine.paths, "tool", "1.0.0").commands() == ("tool",)


def test_bytes_after_the_end_are_part_of_the_digest(machine, server):
    content = CONTENT + b"signature" * 20_000
    machine.install(server.add("/f", content), digest_of(content))
    assert machine.unpacked_during_download()
    machine.check_installed()


def test_a_stopped_installation_leaves_nothing_while_the_server_is_silent(machine, server):
    fault, _ = paused(HALF, machine.stop.is_set)
    url = server.add("/f", CONTENT, fault=fault)
    threading.Thread(
        target=lambda: await_condition(lambda: machine.has_staged("tool")) and machine.stop.set()
    ).start()
    with pytest.raises(KeyboardInterrupt):
        machine.install(url, digest_of(CONTENT))
    machine.check_nothing_left()


@pytest.fixture
def growing(tmp_path):
    """Return a growing file of ten bytes, of which five were written."""
    path = tmp_path / "file"
    path.write_bytes(b"01234")
    file = GrowingFile()
    file.begin(str(path), 10, 0)
    file.extend(5)
    return file


def content_of(growing, digest):
    assert growing.has_next(0, 1, lambda: False)
    return growing.open(digest, lambda: False)


def test_content_is_as_promised_only_by_the_bytes_that_were_read(growing, tmp_path):
    good, bad = (content_of(growing, digest_of(b"0123456789")) for _ in range(2))
    assert good.read() == b"01234"
    (tmp_path / "file").write_bytes(b"abcde56789")
    growing.extend(10)
    growing.finish()
    assert (good.is_as_promised(), bad.is_as_promised()) == (True, False)
    good.close()
    bad.close()


@pytest.mark.parametrize(
    "end",
    [
        lambda growing, _: growing.abandon(),
        lambda growing, _: growing.begin("other", 10, 0),
        lambda _, content: content.cancel(),
    ],
    ids=["failed", "restarted", "cancelled"],
)
def test_content_that_ends_early_is_incomplete(growing, end):
    content = content_of(growing, digest_of(b"0123456789"))
    assert content.read() == b"01234"
    results = []

    def read():
        try:
            results.append(content.read())
        except IncompleteContent:
            results.append(IncompleteContent)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    end(growing, content)
    reader.join(PATIENCE_SECONDS)
    assert results == [IncompleteContent]
    content.close()


def test_content_that_continues_is_the_same_generation(growing, tmp_path):
    content = content_of(growing, digest_of(b"0123456789"))
    with open(tmp_path / "file", "ab") as file:
        file.write(b"56789")
    growing.begin(str(tmp_path / "file"), 10, 5)
    growing.extend(10)
    growing.finish()
    assert content.is_as_promised()
    content.close()


def test_content_of_unknown_length_is_skipped(growing, tmp_path):
    growing.begin(str(tmp_path / "file"), None, 0)
    growing.finish()
    assert not growing.has_next(0, 1, lambda: False)


def test_a_download_announces_only_written_bytes(machine, server):
    growing, seen = GrowingFile(), []
    growing.extend = lambda size: seen.append(size <= cache.partial_of(machine.paths, url).size)
    url = server.add("/f", CONTENT)
    download(
        Artifact(url, digest_of(CONTENT)),
        http=machine.http,
        paths=machine.paths,
        locate=lambda artifact: Location(artifact.url),
        progress=machine.progress,
        task="tool",
        growing=growing,
    )
    assert seen
    assert all(seen)


def test_a_member_that_ends_at_the_cut_is_not_taken_for_the_archive(machine, server):
    """Check that a gzip member that is complete where the connection breaks is not the whole archive."""
    plain = gzip.decompress(CONTENT)
    middle = len(plain) // 1024 * 512
    first, second = gzip.compress(plain[:middle]), gzip.compress(plain[middle:])
    url = server.add("/f", first + second, fault=faults.truncated(len(first), times=1))
    server.pages["/f"].faults.append(faults.status(404))
    with pytest.raises(HttpError, match="404"):
        machine.install(url, digest_of(first + second))
    machine.check_nothing_left()

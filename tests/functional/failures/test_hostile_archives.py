"""Hostile and unusable archives, through the whole program: rejected without effects."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile

import pytest

from support.archives import archive_builder
from support.http.fault_server import Server
from support.machine.prepared_sandbox import SUMS, PreparedSandbox
from support.matrices import sample

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes of Unix")
GOOD = ("top/bin/alpha", {"content": archive_builder.program("alpha", "1.0.0"), "mode": 0o755})
BOMB = 128 << 20


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    root = tmp_path_factory.mktemp("steady")
    with Server() as server:
        yield PreparedSandbox(root / "root", server)


@pytest.fixture
def target(tmp_path):
    """Return the files that hostile archives aim at, which must not change."""
    (tmp_path / "file").write_text("as it was")
    (tmp_path / "file").chmod(0o600)
    yield tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "as it was"
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o600


def tar(*members, opened=gzip.compress):
    archive_file = io.BytesIO()
    with tarfile.open(fileobj=archive_file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, options in (GOOD, *members):
            info = tarfile.TarInfo(name)
            content = options.get("content", b"")
            info.size, info.mode = len(content), options.get("mode", 0o644)
            info.type, info.linkname = options.get("kind", tarfile.REGTYPE), options.get("to", "")
            archive.addfile(info, io.BytesIO(content))
    return opened(archive_file.getvalue())


def link(to, kind=tarfile.SYMTYPE):
    return {"kind": kind, "to": str(to)}


def damaged(content):
    middle = len(content) // 2
    return (
        content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 8]) + content[middle + 8 :]
    )


def zipped():
    archive_file = io.BytesIO()
    with zipfile.ZipFile(archive_file, "w") as archive:
        archive.writestr("top/bin/alpha", b"#!/bin/sh\n")
    return archive_file.getvalue()


HOSTILE = {
    "absolute": lambda target: tar((f"{target}/file", {"content": b"evil"})),
    "dots": lambda _: tar(("top/../../../../../../tmp/evil", {"content": b"evil"})),
    "link out": lambda target: tar(("top/out", link(target))),
    "link out, then through it": lambda target: tar(
        ("top/out", link(target)), ("top/out/file", {"content": b"evil"})
    ),
    "chain of links": lambda _: tar(("top/a", link("..")), ("top/b", link("a/..")), ("top/c", link("b/.."))),
    "hard link out": lambda target: tar(("top/hard", link(target / "file", tarfile.LNKTYPE))),
    "device": lambda _: tar(("top/null", {"kind": tarfile.CHRTYPE})),
    "fifo": lambda _: tar(("top/pipe", {"kind": tarfile.FIFOTYPE})),
    "setuid": lambda _: tar(("top/bin/root", {"content": b"#!/bin/sh\n", "mode": 0o4755})),
    "two spellings": lambda _: tar(("top/README", {"content": b"1"}), ("top/readme", {"content": b"2"})),
    "two forms": lambda _: tar(("top/caf\u00e9", {"content": b"1"}), ("top/cafe\u0301", {"content": b"2"})),
    "our receipt": lambda _: tar(("top/.envmgr-receipt.json", {"content": b"{}"})),
    "bomb": lambda _: tar(("top/zeros", {"content": bytes(BOMB)})),
}
USELESS = {
    "no archive": lambda: b"\x7fELF and so on" * 100,
    "plain tar": lambda: tar(opened=bytes),
    "cut short": lambda: tar(("top/more", {"content": bytes(range(256)) * 400}))[:-200],
    "damaged": lambda: damaged(tar(("top/more", {"content": bytes(range(256)) * 400}))),
    "no program": lambda: archive_builder.tar({"top/bin/other": b"#!/bin/sh\n", "top/x": b""}),
    "empty": lambda: gzip.compress(b""),
    "a zip": zipped,
}


def publish(steady, content):
    """Serve an archive with its digest, so that only its content is invalid."""
    steady.again()
    server = steady.sandbox.server
    server.change(steady.archive, content)
    server.change(SUMS, f"{archive_builder.sha256(content)}  {steady.archive.rpartition('/')[2]}\n")


@pytest.mark.parametrize("name", sample(HOSTILE, every=4))
def test_a_hostile_archive_is_rejected_without_effects(slow_server, target, name):
    publish(slow_server, HOSTILE[name](target))
    error = slow_server.fails("install", "--json").json
    assert error["code"] == "unsafe-archive"
    assert f"cannot unpack alpha 1.0.0 from {slow_server.sandbox.server.url}" in error["message"]
    assert "nothing was installed" in error["hint"]


@pytest.mark.parametrize("name", sample(USELESS, every=3))
def test_an_unusable_archive_is_explained(slow_server, name):
    publish(slow_server, USELESS[name]())
    result = slow_server.fails("install")
    assert "error: cannot unpack alpha 1.0.0 from" in result.err
    assert "hint: " in result.err
    assert slow_server.sandbox.run("install", "--json").json["code"] == "bad-archive"
    slow_server.again()
    slow_server.recovers()


def test_a_failed_forced_installation_keeps_the_old_tree(slow_server):
    slow_server.again()
    slow_server.sandbox.ok("install")
    for archive in (HOSTILE["bomb"](None), USELESS["no program"]()):
        server = slow_server.sandbox.server
        server.change(slow_server.archive, archive)
        (slow_server.sandbox.project / ".envmgr.lock").unlink(missing_ok=True)
        server.change(SUMS, f"{archive_builder.sha256(archive)}  {slow_server.archive.rpartition('/')[2]}\n")
        assert slow_server.sandbox.run("install", "alpha@1.0.0", "--force").code == 1
        assert (
            slow_server.sandbox.command(
                [str(slow_server.sandbox.shims / "alpha")], env={"ENVMGR_ALPHA_VERSION": "1.0.0"}
            ).out
            == "alpha 1.0.0\n"
        )
        assert slow_server.sandbox.incomplete() == slow_server.sandbox.staged() == []

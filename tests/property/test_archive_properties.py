"""Any tree is unpacked from any archive format; damage anywhere is detected."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import tarfile
import tempfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.install.archive import extract, formats
from envmgr.kit.errors import BadArchive, InstallError, UnsafeArchive
from support.archives import random_trees

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="trees with modes and links")

SPARSE = ("--format=pax", "--sparse")
COMPRESS = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zst": zstd.compress}
ZIP_METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
PACKERS = {
    "tarfile pax": lambda root, to: random_trees.pack_tarfile(root, to, tarfile.PAX_FORMAT),
    "tarfile gnu": lambda root, to: random_trees.pack_tarfile(root, to, tarfile.GNU_FORMAT),
    "tar gnu": lambda root, to: random_trees.pack_tar_command(root, to, "--format=gnu"),
    "tar pax": lambda root, to: random_trees.pack_tar_command(root, to, "--format=pax"),
    "tar gnu sparse": lambda root, to: random_trees.pack_tar_command(root, to, "--format=gnu", "--sparse"),
    "tar sparse 0.0": lambda root, to: random_trees.pack_tar_command(
        root, to, *SPARSE, "--sparse-version=0.0"
    ),
    "tar sparse 0.1": lambda root, to: random_trees.pack_tar_command(
        root, to, *SPARSE, "--sparse-version=0.1"
    ),
    "tar sparse 1.0": lambda root, to: random_trees.pack_tar_command(
        root, to, *SPARSE, "--sparse-version=1.0"
    ),
    "tar oldgnu": lambda root, to: random_trees.pack_tar_command(root, to, "--format=oldgnu"),
}


def unpack(path, kind, to, strip=0):
    with formats.open_archive(str(path), kind) as opened:
        tree = extract.unpack(opened.entries, str(to), "linux", strip, ())
    tree.finish()
    return tree.root


def compressed(path, kind):
    with open(path, "rb") as file:
        content = file.read()
    archive = f"{path}.{kind}"
    with open(archive, "wb") as file:
        file.write(COMPRESS[kind](content))
    return archive


@pytest.mark.parametrize("packer", PACKERS)
@settings(max_examples=25)
@given(tree=random_trees.TREES, kind=st.sampled_from(sorted(COMPRESS)))
def test_any_tree_is_unpacked_from_tar(packer, tree, kind):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        PACKERS[packer](f"{work}/tree", f"{work}/a.tar")
        root = unpack(compressed(f"{work}/a.tar", kind), f"tar.{kind}", f"{work}/out")
        assert random_trees.snapshot(root) == random_trees.snapshot(f"{work}/tree")


@settings(max_examples=40)
@given(tree=random_trees.TREES)
def test_any_tree_is_unpacked_from_zip(tree):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        random_trees.pack_zip(f"{work}/tree", f"{work}/a.zip")
        root = unpack(f"{work}/a.zip", "zip", f"{work}/out")
        assert random_trees.snapshot(root) == random_trees.snapshot(f"{work}/tree")


@settings(max_examples=40)
@given(
    pieces=st.lists(st.tuples(st.integers(1, 300_000), st.binary(min_size=1, max_size=5000)), max_size=12),
    tail=st.integers(0, 300_000),
    options=st.sampled_from(
        [
            ("--format=gnu",),
            *(("--format=pax", f"--sparse-version={version}") for version in ("0.0", "0.1", "1.0")),
        ]
    ),
)
def test_any_sparse_file_is_unpacked_from_tar(pieces, tail, options):
    with tempfile.TemporaryDirectory() as work:
        os.mkdir(f"{work}/tree")
        with open(f"{work}/tree/s", "wb") as file:
            for hole, content in pieces:
                file.seek(hole, os.SEEK_CUR)
                file.write(content)
            file.truncate(file.tell() + tail)
        random_trees.pack_tar_command(f"{work}/tree", f"{work}/a.tar", "--sparse", *options)
        root = unpack(f"{work}/a.tar", "tar", f"{work}/out")
        assert random_trees.snapshot(root) == random_trees.snapshot(f"{work}/tree")


@settings(max_examples=40)
@given(
    content=st.binary(max_size=3000), method=st.sampled_from(ZIP_METHODS), separator=st.sampled_from("/\\")
)
def test_any_file_is_unpacked_from_zip_with_each_method_and_separator(content, method, separator):
    with tempfile.TemporaryDirectory() as work:
        with zipfile.ZipFile(f"{work}/a.zip", "w", method) as archive:
            info = zipfile.ZipInfo("placeholder")
            info.filename = info.orig_filename = separator.join(("top", "bin", "tool"))
            info.compress_type = method
            archive.writestr(info, content)
        root = unpack(f"{work}/a.zip", "zip", f"{work}/out")
        with open(f"{root}/top/bin/tool", "rb") as file:
            assert file.read() == content


@settings(max_examples=40)
@given(content=st.binary(max_size=3000), trailer=st.binary(max_size=700), kind=st.sampled_from(["gz", "bz2"]))
def test_bytes_after_the_end_are_ignored(content, trailer, kind):
    if trailer.lstrip(b"\0").startswith((b"\x1f\x8b", b"BZh")):
        trailer = b""
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/a", "wb") as file:
            file.write(COMPRESS[kind](content) + trailer)
        root = unpack(f"{work}/a", kind, f"{work}/out")
        with open(f"{root}/program", "rb") as file:
            assert file.read() == content


@settings(max_examples=25)
@given(tree=random_trees.TREES, depth=st.integers(1, 3))
def test_leading_directories_are_stripped(tree, depth):
    with tempfile.TemporaryDirectory() as work:
        below = "/".join(["top"] * depth)
        random_trees.build(tree, f"{work}/tree/{below}")
        random_trees.pack_tar_command(f"{work}/tree", f"{work}/a.tar", "--format=pax")
        root = unpack(f"{work}/a.tar", "tar", f"{work}/out", strip=depth)
        assert random_trees.snapshot(root) == random_trees.snapshot(f"{work}/tree/{below}")


@settings(max_examples=60)
@given(
    tree=random_trees.TREES, kind=st.sampled_from(sorted(COMPRESS)), share=st.floats(0, 1, exclude_max=True)
)
def test_a_truncated_archive_is_rejected(tree, kind, share):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        random_trees.pack_tarfile(f"{work}/tree", f"{work}/a.tar", tarfile.PAX_FORMAT)
        archive = compressed(f"{work}/a.tar", kind)
        os.truncate(archive, int(os.path.getsize(archive) * share))
        with pytest.raises(BadArchive):
            unpack(archive, f"tar.{kind}", f"{work}/out")


@settings(max_examples=40)
@given(tree=random_trees.TREES, share=st.floats(0, 1, exclude_max=True))
def test_a_tar_truncated_between_two_entries_is_rejected(tree, share):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        random_trees.pack_tar_command(f"{work}/tree", f"{work}/a.tar", "--record-size=512")
        os.truncate(f"{work}/a.tar", int((os.path.getsize(f"{work}/a.tar") - 1024) * share) & ~511)
        with pytest.raises(BadArchive):
            unpack(f"{work}/a.tar", "tar", f"{work}/out")


@settings(max_examples=150)
@given(data=st.data(), kind=st.sampled_from(["tar", "sparse", "zip", "zip bz2", "zip lzma"]))
def test_a_damaged_archive_raises_only_archive_errors(data, kind):
    content = bytearray(SAMPLES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/a", "wb") as file:
            file.write(content)
        try:
            unpack(f"{work}/a", {"sparse": "tar"}.get(kind, kind.split()[0]), f"{work}/out")
        except InstallError:
            pass
        except OSError as error:
            assert error.errno  # noqa: PT017 - a name this file system refuses, which the installer translates
        assert os.listdir(work) in (["a"], ["a", "out"], ["out", "a"])


@settings(max_examples=80)
@given(
    content=st.binary(max_size=3000),
    kind=st.sampled_from(["tar", "zip", "whl", *(f"tar.{k}" for k in COMPRESS)]),
)
def test_random_bytes_are_rejected(content, kind):
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/a", "wb") as file:
            file.write(content)
        with pytest.raises((BadArchive, UnsafeArchive)):
            unpack(f"{work}/a", kind, f"{work}/out")


def _samples():
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("bin/tool", "n" * 120, "lib/é"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 5, 1.5
            tar.addfile(info, io.BytesIO(b"hello"))
        link = tarfile.TarInfo("bin/link")
        link.type, link.linkname = tarfile.SYMTYPE, "tool"
        tar.addfile(link)
    return {
        "tar": tar_bytes.getvalue(),
        "sparse": _sparse_sample(),
        **{
            name: _zip_sample(method)
            for name, method in (
                ("zip", zipfile.ZIP_DEFLATED),
                ("zip bz2", zipfile.ZIP_BZIP2),
                ("zip lzma", zipfile.ZIP_LZMA),
            )
        },
    }


def _zip_sample(method):
    archive_file = io.BytesIO()
    with zipfile.ZipFile(archive_file, "w", method) as archive:
        archive.writestr("bin/tool", b"hello" * 100)
        archive.writestr("lib/é", b"")
    return archive_file.getvalue()


def _sparse_sample():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for version, content in (("0", b"abcd"), ("1", b"2\n2\n1\n10\n3\n".ljust(512, b"\0") + b"abcd")):
            info = tarfile.TarInfo(f"s{version}")
            info.size = len(content)
            info.pax_headers = {
                "GNU.sparse.size": "20",
                "GNU.sparse.realsize": "20",
                "GNU.sparse.major": version,
            }
            info.pax_headers |= {"GNU.sparse.map": "2,1,10,3"} if version == "0" else {}
            tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()


SAMPLES = _samples()

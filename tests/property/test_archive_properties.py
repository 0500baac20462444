"""Any tree survives any archive format; damage is noticed wherever it is."""

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

COMPRESS = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zst": zstd.compress}
PACKERS = {
    "tarfile pax": lambda root, to: random_trees.pack_tarfile(root, to, tarfile.PAX_FORMAT),
    "tarfile gnu": lambda root, to: random_trees.pack_tarfile(root, to, tarfile.GNU_FORMAT),
    "tar gnu": lambda root, to: random_trees.pack_tar_command(root, to, "--format=gnu"),
    "tar pax": lambda root, to: random_trees.pack_tar_command(root, to, "--format=pax"),
    "tar oldgnu": lambda root, to: random_trees.pack_tar_command(root, to, "--format=oldgnu"),
}


def unpack(path, kind, to, strip=0):
    with formats.opened(str(path), kind) as opened:
        tree = extract.unpack(opened.entries, str(to), "linux", strip, ())
    tree.finish()
    return tree.root


def compressed(path, kind):
    with open(path, "rb") as file:
        content = file.read()
    packed = f"{path}.{kind}"
    with open(packed, "wb") as file:
        file.write(COMPRESS[kind](content))
    return packed


@pytest.mark.parametrize("packer", PACKERS)
@settings(max_examples=25)
@given(tree=random_trees.TREES, kind=st.sampled_from(sorted(COMPRESS)))
def test_any_tree_survives_tar(packer, tree, kind):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        PACKERS[packer](f"{work}/tree", f"{work}/a.tar")
        root = unpack(compressed(f"{work}/a.tar", kind), f"tar.{kind}", f"{work}/out")
        assert random_trees.snapshot(root) == random_trees.snapshot(f"{work}/tree")


@settings(max_examples=40)
@given(tree=random_trees.TREES)
def test_any_tree_survives_zip(tree):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        random_trees.pack_zip(f"{work}/tree", f"{work}/a.zip")
        root = unpack(f"{work}/a.zip", "zip", f"{work}/out")
        assert random_trees.snapshot(root) == random_trees.snapshot(f"{work}/tree")


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
def test_a_truncated_archive_is_bad(tree, kind, share):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        random_trees.pack_tarfile(f"{work}/tree", f"{work}/a.tar", tarfile.PAX_FORMAT)
        packed = compressed(f"{work}/a.tar", kind)
        os.truncate(packed, int(os.path.getsize(packed) * share))
        with pytest.raises(BadArchive):
            unpack(packed, f"tar.{kind}", f"{work}/out")


@settings(max_examples=40)
@given(tree=random_trees.TREES, share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_bare_tar_is_bad_even_between_two_entries(tree, share):
    with tempfile.TemporaryDirectory() as work:
        random_trees.build(tree, f"{work}/tree")
        random_trees.pack_tar_command(f"{work}/tree", f"{work}/a.tar", "--record-size=512")
        os.truncate(f"{work}/a.tar", int((os.path.getsize(f"{work}/a.tar") - 1024) * share) & ~511)
        with pytest.raises(BadArchive):
            unpack(f"{work}/a.tar", "tar", f"{work}/out")


@settings(max_examples=150)
@given(data=st.data(), kind=st.sampled_from(["tar", "zip"]))
def test_no_damage_brings_anything_but_our_errors(data, kind):
    content = bytearray(SAMPLES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/a", "wb") as file:
            file.write(content)
        try:
            unpack(f"{work}/a", kind, f"{work}/out")
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
def test_noise_is_a_bad_archive(content, kind):
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/a", "wb") as file:
            file.write(content)
        with pytest.raises((BadArchive, UnsafeArchive)):
            unpack(f"{work}/a", kind, f"{work}/out")


def _samples():
    tar_bytes, zip_bytes = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("bin/tool", "n" * 120, "lib/é"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 5, 1.5
            tar.addfile(info, io.BytesIO(b"hello"))
        link = tarfile.TarInfo("bin/link")
        link.type, link.linkname = tarfile.SYMTYPE, "tool"
        tar.addfile(link)
    with zipfile.ZipFile(zip_bytes, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bin/tool", b"hello" * 100)
        packed.writestr("lib/é", b"")
    return {"tar": tar_bytes.getvalue(), "zip": zip_bytes.getvalue()}


SAMPLES = _samples()

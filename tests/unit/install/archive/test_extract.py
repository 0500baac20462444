"""Whole archives, valid and hostile, unpacked beside a directory that must not change."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest

from envmgr.install.archive import extract, formats, safety
from envmgr.kit.errors import BadArchive, UnsafeArchive
from support.archives import random_trees

unix = pytest.mark.skipif(sys.platform == "win32", reason="links and modes of Unix")


def member(name, kind=tarfile.REGTYPE, link="", mode=0o644, content=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, link, mode, len(content)
    return info, content


def tar_of(path, *members):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as packed:
        for info, content in members:
            packed.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w") as packed:
        for name, mode, content in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = info.orig_filename = name
            info.create_system, info.external_attr = 3, mode << 16
            packed.writestr(info, content)
    return path


def unpack(path, kind, to, *, system="linux", strip=0, bin_paths=(), rename=None):
    with formats.open_archive(str(path), kind) as opened:
        tree = extract.unpack(opened.entries, str(to), system, strip, bin_paths)
    tree.rename(rename or {})
    tree.finish()
    return tree.root


@pytest.fixture
def sandbox(tmp_path):
    """Return a directory to unpack in, beside a sentinel that hostile archives aim at."""
    (tmp_path / "sentinel").mkdir()
    (tmp_path / "sentinel" / "file").write_text("as it was")
    (tmp_path / "in").mkdir()
    before = random_trees.snapshot(tmp_path / "sentinel")
    yield tmp_path / "in"
    assert random_trees.snapshot(tmp_path / "sentinel") == before
    assert sorted(os.listdir(tmp_path)) == ["in", "sentinel"]
    assert set(os.listdir(tmp_path / "in")) <= {"a.tar", "a.zip", "out"}


HOSTILE_TARS = {
    "an absolute path": [member("/sentinel/x")],
    "a parent": [member("../sentinel/x")],
    "a parent further down": [member("a/../../sentinel/x")],
    "a drive": [member("C:/x")],
    "backslashes": [member("..\\sentinel\\x")],
    "a link out": [member("out", tarfile.SYMTYPE, "../../sentinel")],
    "an absolute link": [member("out", tarfile.SYMTYPE, "/etc")],
    "a file through a link": [member("s", tarfile.SYMTYPE, "../../sentinel"), member("s/file", content=b"x")],
    "a file through an inner link": [
        member("d/"),
        member("s", tarfile.SYMTYPE, "d"),
        member("s/file", content=b"x"),
    ],
    "a directory over a link": [member("s", tarfile.SYMTYPE, "../../sentinel"), member("s", tarfile.DIRTYPE)],
    "a file over a link": [member("s", tarfile.SYMTYPE, "../../sentinel/file"), member("s", content=b"x")],
    "a chain of links": [
        member("d/e", tarfile.DIRTYPE),
        member("one", tarfile.SYMTYPE, "d/e"),
        member("two", tarfile.SYMTYPE, "one/../../.."),
    ],
    "a link later made to lead out": [
        member("a", tarfile.SYMTYPE, "b/.."),
        member("b", tarfile.SYMTYPE, ".."),
    ],
    "a hard link out": [member("h", tarfile.LNKTYPE, "../sentinel/file")],
    "an absolute hard link": [member("h", tarfile.LNKTYPE, "/etc/passwd")],
    "a hard link to nothing": [member("h", tarfile.LNKTYPE, "missing")],
    "a hard link to a directory": [member("d", tarfile.DIRTYPE), member("h", tarfile.LNKTYPE, "d")],
    "a hard link to a link that leads out": [
        member("s", tarfile.SYMTYPE, "../../sentinel/file"),
        member("h", tarfile.LNKTYPE, "s"),
    ],
    "a hard link through a link": [
        member("s", tarfile.SYMTYPE, "../../sentinel"),
        member("h", tarfile.LNKTYPE, "s/file"),
    ],
    "a device": [member("dev", tarfile.CHRTYPE)],
    "a block device": [member("dev", tarfile.BLKTYPE)],
    "a FIFO": [member("pipe", tarfile.FIFOTYPE)],
    "a setuid program": [member("su", mode=0o4755)],
    "a setgid program": [member("sg", mode=0o2755)],
    "names that differ by case": [member("A"), member("a")],
    "names that differ by composition": [member("\u00e9"), member("e\u0301")],
    "directories that differ by case": [member("D/a"), member("d/b")],
    "a link that differs by case": [member("L", tarfile.SYMTYPE, "x"), member("l/a")],
    "a file as a directory": [member("f"), member("f/a")],
    "our receipt": [member(".envmgr-receipt.json", content=b"{}")],
    "our receipt as a link": [member(".envmgr-files", tarfile.SYMTYPE, "x")],
    "a circle of links": [member("a", tarfile.SYMTYPE, "b"), member("b", tarfile.SYMTYPE, "a")],
}


@unix
@pytest.mark.parametrize("case", HOSTILE_TARS)
def test_a_hostile_tar_is_rejected_and_writes_nothing_outside(case, sandbox):
    packed = tar_of(sandbox / "a.tar", *HOSTILE_TARS[case])
    with pytest.raises(UnsafeArchive) as caught:
        unpack(packed, "tar", sandbox / "out")
    names = [
        name for info, _ in HOSTILE_TARS[case] for name in (info.name.rstrip("/"), info.name.split("/")[0])
    ]
    assert any(repr(name) in caught.value.message for name in names)


HOSTILE_ZIPS = {
    "an absolute path": [("/sentinel/x", 0o100644, b"")],
    "a parent": [("../sentinel/x", 0o100644, b"")],
    "backslashes": [("..\\sentinel\\x", 0o100644, b"")],
    "a NUL that hides the rest": [("a\0/../../sentinel/x", 0o100644, b"")],
    "a link out": [("s", 0o120777, b"../../sentinel")],
    "a file through a link": [("s", 0o120777, b"../../sentinel"), ("s/file", 0o100644, b"x")],
    "a FIFO": [("p", 0o010644, b"")],
    "a socket": [("s", 0o140644, b"")],
    "a setuid program": [("su", 0o104755, b"")],
    "names that differ by case": [("A", 0o100644, b""), ("a", 0o100644, b"")],
}


@unix
@pytest.mark.parametrize("case", HOSTILE_ZIPS)
def test_a_hostile_zip_is_rejected_and_writes_nothing_outside(case, sandbox):
    packed = zip_of(sandbox / "a.zip", *HOSTILE_ZIPS[case])
    with pytest.raises(UnsafeArchive):
        unpack(packed, "zip", sandbox / "out")


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz", "tar.bz2", "tar.zst", "gz", "xz"])
def test_a_tar_bomb_is_rejected_at_the_size_limit(kind, sandbox, monkeypatch):
    monkeypatch.setattr(safety, "FREE_BYTES", 1 << 20)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as packed:
        info, _ = member("zeros")
        info.size = 3 << 20
        packed.addfile(info, io.BytesIO(bytes(info.size)))
    content = plain.getvalue() if kind.startswith("tar") else bytes(3 << 20)
    from support.archives.archive_builder import compress

    (sandbox / "a.tar").write_bytes(compress(content, kind.removeprefix("tar.")))
    with pytest.raises(UnsafeArchive, match="expand to more than"):
        unpack(sandbox / "a.tar", kind, sandbox / "out")


def test_a_zip_bomb_is_rejected_at_the_size_limit(sandbox, monkeypatch):
    monkeypatch.setattr(safety, "FREE_BYTES", 1 << 20)
    with zipfile.ZipFile(sandbox / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(3 << 20))
    with pytest.raises(UnsafeArchive, match="expand to more than"):
        unpack(sandbox / "a.zip", "zip", sandbox / "out")


def test_names_reserved_on_windows_are_rejected_for_windows(sandbox):
    packed = tar_of(sandbox / "a.tar", member("lib/aux.c"))
    with pytest.raises(UnsafeArchive, match=r"reserved name on Windows: 'lib/aux\.c'"):
        unpack(packed, "tar", sandbox / "out", system="windows")


@unix
def test_hard_links_stay_hard_links(sandbox):
    packed = tar_of(sandbox / "a.tar", member("a", content=b"x"), member("b", tarfile.LNKTYPE, "a"))
    root = unpack(packed, "tar", sandbox / "out")
    assert os.path.samefile(f"{root}/a", f"{root}/b")


@unix
def test_a_hard_link_becomes_a_copy_without_support_for_links(sandbox, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError

    monkeypatch.setattr(extract.os, "link", refuse)
    packed = tar_of(
        sandbox / "a.tar", member("a", content=b"x", mode=0o755), member("b", tarfile.LNKTYPE, "a")
    )
    root = unpack(packed, "tar", sandbox / "out")
    assert (sandbox / "out" / "b").read_bytes() == b"x"
    assert os.access(f"{root}/b", os.X_OK)


@unix
def test_a_duplicate_file_replaces_the_first_but_not_its_links(sandbox):
    members = [member("a", content=b"one"), member("b", tarfile.LNKTYPE, "a"), member("a", content=b"two")]
    unpack(tar_of(sandbox / "a.tar", *members), "tar", sandbox / "out")
    assert (sandbox / "out" / "a").read_bytes() == b"two"
    assert (sandbox / "out" / "b").read_bytes() == b"one"


@unix
def test_only_the_owner_may_write_extracted_files(sandbox):
    packed = tar_of(sandbox / "a.tar", member("open", mode=0o777), member("d", tarfile.DIRTYPE, mode=0o2777))
    root = unpack(packed, "tar", sandbox / "out")
    assert stat.S_IMODE(os.stat(f"{root}/open").st_mode) == 0o755
    assert stat.S_IMODE(os.stat(f"{root}/d").st_mode) == 0o755


def tops(root):
    return sorted(os.listdir(root))


@pytest.mark.parametrize(
    ("names", "strip", "bin_paths", "expected"),
    [
        (["top/bin/x", "top/y"], None, ["bin/x"], ["bin", "y"]),
        (["top/bin/x", "top/y"], None, ["top/bin/x"], ["top"]),
        (["bin/x"], None, ["bin"], ["bin"]),
        (["one/x", "two/y"], None, [], ["one", "two"]),
        (["x"], None, ["y"], ["x"]),
        (["top/bin/x"], 0, ["bin/x"], ["top"]),
        (["./top/bin/x", "./top/y"], 1, [], ["bin", "y"]),
        (["one/a", "two/b", "README"], 1, [], ["a", "b"]),
        (["top/bin/x", "._top"], None, ["bin/x"], ["bin"]),
        (["__MACOSX/top/._x", "__MACOSX/._top", "top/x", "top/y"], None, [], ["x", "y"]),
        ([".DS_Store", "top/x"], None, ["x"], ["x"]),
        (["pax_global_header", "top/x"], None, [], ["x"]),
        ([".fseventsd/no_log", ".Trashes/x", ".localized", "top/x"], None, [], ["x"]),
        (["Icon\r", "top/x"], None, [], ["x"]),
        (["System Volume Information/x", "$RECYCLE.BIN/x", "ehthumbs.db", "top/x"], None, [], ["x"]),
        (["PaxHeaders.4711/x", "PaxHeader/x", "lost+found/x", "top/x"], None, [], ["x"]),
        (["__MACOSX/._tool", "tool"], None, ["tool"], ["tool"]),
        (["._tool", "tool", "README"], None, [], ["README", "tool"]),
        (["__MACOSX/top/._x", "top/x"], 1, [], ["x"]),
        (["__MACOSX/x"], None, ["__MACOSX/x"], ["__MACOSX"]),
        ([".DS_Store"], None, [], [".DS_Store"]),
        ([".DS_Store", "top/x"], 0, [], [".DS_Store", "top"]),
        ([".config/x", "top/x"], None, [], [".config", "top"]),
    ],
)
def test_leading_directories_are_stripped(names, strip, bin_paths, expected, sandbox):
    packed = tar_of(sandbox / "a.tar", *[member(name) for name in names])
    assert tops(unpack(packed, "tar", sandbox / "out", strip=strip, bin_paths=bin_paths)) == expected


@unix
def test_a_link_that_leads_out_after_strip_is_rejected(sandbox):
    packed = tar_of(sandbox / "a.tar", member("top/x"), member("top/up", tarfile.SYMTYPE, "../x"))
    with pytest.raises(UnsafeArchive, match="escapes the tree"):
        unpack(packed, "tar", sandbox / "out", strip=None)


@unix
def test_entries_beside_the_stripped_directory_are_dropped(sandbox):
    members = [member("__MACOSX", tarfile.DIRTYPE), member("__MACOSX/l", tarfile.SYMTYPE, "x")]
    members += [member("._l", tarfile.SYMTYPE, "x"), member("top/x"), member("top/l", tarfile.SYMTYPE, "x")]
    root = unpack(tar_of(sandbox / "a.tar", *members), "tar", sandbox / "out", strip=None)
    assert tops(root) == ["l", "x"]
    assert os.readlink(f"{root}/l") == "x"


@unix
def test_an_identical_duplicate_link_is_accepted(sandbox):
    members = [member("a", content=b"x"), *[member("l", tarfile.SYMTYPE, "a")] * 2]
    members += [member("h", tarfile.LNKTYPE, "l")] * 2
    root = unpack(tar_of(sandbox / "a.tar", *members), "tar", sandbox / "out")
    assert (os.readlink(f"{root}/l"), os.readlink(f"{root}/h")) == ("a", "a")


@unix
def test_a_duplicate_link_with_another_target_is_rejected(sandbox):
    members = [member("l", tarfile.SYMTYPE, "a"), member("l", tarfile.SYMTYPE, "b")]
    with pytest.raises(UnsafeArchive, match="duplicate entry 'l'"):
        unpack(tar_of(sandbox / "a.tar", *members), "tar", sandbox / "out")


def test_backslashes_in_a_zip_are_separators(sandbox):
    members = [("top\\", 0o040755, b""), ("top\\bin\\x", 0o100755, b"x"), ("top/lib\\y", 0, b"y")]
    root = unpack(zip_of(sandbox / "a.zip", *members), "zip", sandbox / "out", strip=None)
    assert tops(root) == ["bin", "lib"]
    assert tops(f"{root}/bin") == ["x"]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_may_be_compressed_by_each_method_of_the_standard_library(method, sandbox):
    content = os.urandom(1000) + bytes(600_000) + b"end"
    with zipfile.ZipFile(sandbox / "a.zip", "w", method) as packed:
        packed.writestr("x", content)
        packed.writestr("empty", b"")
    root = unpack(sandbox / "a.zip", "zip", sandbox / "out")
    assert (sandbox / "out" / "x").read_bytes() == content
    assert os.path.getsize(f"{root}/empty") == 0


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_bzip2_or_lzma_member_is_a_bad_archive(method, sandbox):
    with zipfile.ZipFile(sandbox / "a.zip", "w", method) as packed:
        packed.writestr("x", os.urandom(2000))
    content = bytearray((sandbox / "a.zip").read_bytes())
    content[1000] ^= 0xFF
    (sandbox / "a.zip").write_bytes(content)
    with pytest.raises(BadArchive):
        unpack(sandbox / "a.zip", "zip", sandbox / "out")


def test_an_lzma_member_with_a_huge_dictionary_is_a_bad_archive(sandbox):
    with zipfile.ZipFile(sandbox / "a.zip", "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("x", b"x" * 100)
    content = bytearray((sandbox / "a.zip").read_bytes())
    content[31 + 5 : 31 + 9] = b"\xff\xff\xff\xff"
    (sandbox / "a.zip").write_bytes(content)
    with pytest.raises(BadArchive, match="dictionary too large"):
        unpack(sandbox / "a.zip", "zip", sandbox / "out")


def test_an_unsupported_method_is_named_with_a_hint(sandbox):
    content = bytearray(zip_of(sandbox / "a.zip", ("a", 0o100644, b"x")).read_bytes())
    for signature, offset in ((b"PK\1\2", 10), (b"PK\3\4", 8)):
        content[content.rindex(signature) + offset] = 9
    (sandbox / "a.zip").write_bytes(content)
    with pytest.raises(BadArchive, match=r"method 9 \(deflate64\)") as caught:
        unpack(sandbox / "a.zip", "zip", sandbox / "out")
    assert "another archive" in str(caught.value.hint)


@pytest.mark.parametrize(
    "options", [["--format=gnu"], *([f"--sparse-version={v}", "--format=pax"] for v in ("0.0", "0.1", "1.0"))]
)
@unix
def test_a_sparse_file_packed_by_tar_is_unpacked(options, sandbox, tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    with open(source / "s", "wb") as file:
        for number in range(40):
            file.seek(number * 100_000)
            file.write(b"%d" % number)
        file.truncate(5_000_000)
    subprocess.run(["tar", "-cSf", sandbox / "a.tar", *options, "-C", source, "s"], check=True)
    assert os.path.getsize(sandbox / "a.tar") < 1_000_000
    root = unpack(sandbox / "a.tar", "tar", sandbox / "out")
    assert (sandbox / "out" / "s").read_bytes() == (source / "s").read_bytes()
    assert tops(root) == ["s"]


def test_a_sparse_bomb_is_rejected_before_it_is_written(sandbox, monkeypatch):
    monkeypatch.setattr(safety, "FREE_BYTES", 1 << 20)
    info = tarfile.TarInfo("zeros")
    info.pax_headers = {"GNU.sparse.size": str(1 << 60), "GNU.sparse.map": ""}
    with tarfile.open(sandbox / "a.tar", "w", format=tarfile.PAX_FORMAT) as packed:
        packed.addfile(info)
    with pytest.raises(UnsafeArchive, match="expand to more than"):
        unpack(sandbox / "a.tar", "tar", sandbox / "out")
    assert os.path.getsize(sandbox / "out" / "zeros") == 0


@unix
def test_targets_of_hard_links_are_stripped(sandbox):
    packed = tar_of(
        sandbox / "a.tar", member("top/a", content=b"x"), member("top/b", tarfile.LNKTYPE, "top/a")
    )
    root = unpack(packed, "tar", sandbox / "out", strip=1)
    assert os.path.samefile(f"{root}/a", f"{root}/b")


@unix
def test_entries_are_renamed_after_strip(sandbox):
    members = [member("top/tool-linux", content=b"x"), member("top/d/l", tarfile.SYMTYPE, "../tool")]
    packed = tar_of(sandbox / "a.tar", *members)
    root = unpack(packed, "tar", sandbox / "out", strip=1, rename={"tool-linux": "tool", "d": "deep/e"})
    assert tops(root) == ["deep", "tool"]
    assert os.readlink(f"{root}/deep/e/l") == "../tool"


@pytest.mark.parametrize("rename", [{"missing": "x"}, {"a": "b"}])
def test_a_rename_of_a_missing_or_onto_an_existing_file_is_a_bad_archive(rename, sandbox):
    packed = tar_of(sandbox / "a.tar", member("a"), member("b"))
    with pytest.raises(BadArchive):
        unpack(packed, "tar", sandbox / "out", rename=rename)


def test_a_rename_out_of_the_tree_is_rejected(sandbox):
    packed = tar_of(sandbox / "a.tar", member("a"))
    with pytest.raises(UnsafeArchive):
        unpack(packed, "tar", sandbox / "out", rename={"a": "../sentinel/a"})


def test_a_wheel_is_installed_by_the_rules_for_its_data_directories(sandbox):
    members = [("pkg/lib.so", 0o100644, b"so"), ("tool-1.data/scripts/tool", 0o100644, b"#!/bin/sh\n")]
    members += [("tool-1.data/data/share/x", 0o100644, b""), ("tool-1.data/purelib/pure.py", 0o100644, b"")]
    members += [("tool-1.data/headers/t.h", 0o100644, b""), ("tool-1.dist-info/RECORD", 0o100644, b"")]
    root = unpack(zip_of(sandbox / "a.zip", *members), "whl", sandbox / "out")
    assert tops(root) == ["bin", "include", "pkg", "pure.py", "share", "tool-1.dist-info"]
    assert os.access(f"{root}/bin/tool", os.X_OK)


def test_a_data_directory_of_a_wheel_cannot_lead_out(sandbox):
    packed = zip_of(sandbox / "a.zip", ("t-1.data/data/../../../sentinel/x", 0o100644, b""))
    with pytest.raises(UnsafeArchive):
        unpack(packed, "whl", sandbox / "out")


def test_an_encrypted_zip_is_a_bad_archive(sandbox):
    content = bytearray(zip_of(sandbox / "a.zip", ("a", 0o100644, b"x")).read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1
    (sandbox / "a.zip").write_bytes(content)
    with pytest.raises(BadArchive, match="'a' is encrypted"):
        unpack(sandbox / "a.zip", "zip", sandbox / "out")


def test_a_zip_entry_with_a_wrong_checksum_is_a_bad_archive(sandbox):
    content = bytearray(zip_of(sandbox / "a.zip", ("a", 0o100644, b"honest")).read_bytes())
    content[content.index(b"honest")] ^= 1
    (sandbox / "a.zip").write_bytes(content)
    with pytest.raises(BadArchive, match="'a' is corrupt"):
        unpack(sandbox / "a.zip", "zip", sandbox / "out")


def test_a_zip_made_on_windows_has_ordinary_modes(sandbox):
    with zipfile.ZipFile(sandbox / "a.zip", "w") as packed:
        info = zipfile.ZipInfo("d/a")
        info.create_system = 0
        packed.writestr(info, b"x")
    root = unpack(sandbox / "a.zip", "zip", sandbox / "out")
    assert stat.S_IMODE(os.stat(f"{root}/d/a").st_mode) == 0o644


def test_an_unknown_format_is_named(sandbox):
    with pytest.raises(BadArchive, match="'rar'"):
        unpack(sandbox / "a.tar", "rar", sandbox / "out")

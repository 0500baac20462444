"""Rules for the entries of an archive."""

from __future__ import annotations

import pytest

from envmgr.install.archive import safety
from envmgr.install.archive.entry import DIRECTORY, FILE, SYMLINK
from envmgr.kit.errors import UnsafeArchive


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "C:/x",
        "c:x",
        "a/../../x",
        "..",
        "a/..",
        "a\\b",
        "..\\x",
        "\\\\host\\x",
        "a\0b",
        "a/" * 101,
        "n" * 256,
        "é" * 128,
        "a/" + "n" * 3000,
    ],
)
def test_a_path_that_leads_out_or_is_invalid_is_rejected_with_its_name(path):
    with pytest.raises(UnsafeArchive, match=r".+") as caught:
        safety.split_path(path, "linux")
    assert repr(path)[:20] in caught.value.message


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("./a//b/", ("a", "b")),
        ("...", ("...",)),
        ("a/..b", ("a", "..b")),
        ("./", ()),
        ("man/B::x.3", ("man", "B::x.3")),
    ],
)
def test_ordinary_paths_are_split(path, parts):
    assert safety.split_path(path, "linux") == parts


@pytest.mark.parametrize(
    "path", ["a/CON", "nul.txt", "x/com1.tar.gz", "LPT¹", "a.", "b ", "ab:c", "q?", "x\n", "aux .c"]
)
def test_names_reserved_on_windows_are_rejected_only_there(path):
    with pytest.raises(UnsafeArchive, match="reserved name on Windows"):
        safety.split_path(path, "windows")
    assert safety.split_path(path, "linux")


@pytest.mark.parametrize("kind", ["FIFO", "socket", "block device", "character device"])
def test_entries_of_other_types_are_rejected(kind):
    with pytest.raises(UnsafeArchive, match=f"'x' is a {kind}"):
        safety.check_kind("x", kind, 0o644)


@pytest.mark.parametrize(("mode", "bit"), [(0o4755, "setuid"), (0o2755, "setgid"), (0o6755, "setuid")])
def test_setuid_and_setgid_programs_are_rejected(mode, bit):
    with pytest.raises(UnsafeArchive, match=bit):
        safety.check_kind("x", FILE, mode)


def test_only_the_owner_may_write_and_special_bits_of_directories_are_dropped():
    assert safety.file_mode(0o777) == 0o755
    assert safety.file_mode(0o444) == 0o444
    assert safety.file_mode(0o000) == 0o400
    assert safety.directory_mode(0o3775) == 0o755
    assert safety.directory_mode(0o500) == 0o700


@pytest.mark.parametrize(
    ("item", "other"),
    [
        ("README", "readme"),
        ("é", "e\u0301"),
        ("Straße", "STRASSE"),
        ("Å", "\u212b"),
        ("É", "e\u0301"),
        ("K", "\u212a"),
    ],
)
def test_names_that_collide_on_some_file_system_are_rejected(item, other):
    names = safety.EntryNames("linux")
    names.add(item, FILE)
    with pytest.raises(UnsafeArchive, match="are the same file"):
        names.add(other, FILE)


def test_directories_collide_too():
    names = safety.EntryNames("linux")
    assert names.add_parents(("Lib", "a")) == ["Lib"]
    with pytest.raises(UnsafeArchive, match="are the same file"):
        names.add_parents(("lib", "b"))


def test_compatibility_forms_are_different_names():
    names = safety.EntryNames("linux")
    assert names.add("①", FILE)
    assert names.add("1", FILE)


@pytest.mark.parametrize(("item", "other"), [("E", "e"), ("h/hp70092A", "h/hp70092a")])
def test_terminfo_names_may_differ_by_case_on_linux_only(item, other):
    linux, macos = safety.EntryNames("linux"), safety.EntryNames("macos")
    assert linux.add(f"share/terminfo/{item}", FILE)
    assert linux.add(f"share/terminfo/{other}", FILE)
    macos.add(f"share/terminfo/{item}", FILE)
    with pytest.raises(UnsafeArchive):
        macos.add(f"share/terminfo/{other}", FILE)


def test_a_path_through_a_link_or_file_is_rejected():
    names = safety.EntryNames("linux")
    names.add("link", SYMLINK)
    names.add("file", FILE)
    with pytest.raises(UnsafeArchive, match="'link/x': parent 'link' is a symbolic link"):
        names.add_parents(("link", "x"))
    with pytest.raises(UnsafeArchive, match="is a file"):
        names.add_parents(("file", "y", "x"))


@pytest.mark.parametrize(
    ("first", "second"), [(FILE, DIRECTORY), (FILE, SYMLINK), (SYMLINK, FILE), (SYMLINK, SYMLINK)]
)
def test_a_name_refers_to_one_entry(first, second):
    names = safety.EntryNames("linux")
    names.add("a", first)
    with pytest.raises(UnsafeArchive, match="duplicate entry 'a'"):
        names.add("a", second)


def test_the_number_of_entries_is_limited(monkeypatch):
    monkeypatch.setattr(safety, "MAX_ENTRIES", 3)
    names = safety.EntryNames("linux")
    for name in "abc":
        names.add(name, FILE)
    with pytest.raises(UnsafeArchive, match="more than 3 entries"):
        names.add("d", FILE)


@pytest.mark.parametrize(
    "links",
    [
        {"a": "/etc"},
        {"a": "C:/x"},
        {"a": ".."},
        {"d/a": "../.."},
        {"a": "b/..", "b": ".."},
        {"a": "d/b/c", "d/b": "..", "c": ".."},
        {"one": "two/../../../..", "two": "d/e/f"},
        {"d/up": "..", "d/out": "up/up2/x", "up2": "../.."},
        {"a": "x/y/../../../z"},
    ],
)
def test_links_that_lead_out_directly_or_by_chains_are_rejected(links):
    with pytest.raises(UnsafeArchive, match="escapes the tree"):
        safety.check_links(links)


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b/x", "b": "a/y"}])
def test_circular_links_are_rejected(links):
    with pytest.raises(UnsafeArchive, match="link loop"):
        safety.check_links(links)


@pytest.mark.parametrize("target", ["", "a\\b", "a\0"])
def test_a_link_with_an_empty_target_is_rejected(target):
    with pytest.raises(UnsafeArchive, match="invalid link target"):
        safety.check_links({"a": target})


@pytest.mark.parametrize(
    "links",
    [
        {"bin/npm": "../lib/npm"},
        {"a": "missing/x"},
        {"lib64": "lib", "bin/x": "../lib64/../share/y"},
        {"a": "b", "b": "c", "c": "d/e"},
        {"d/a": ".."},
    ],
)
def test_links_within_the_tree_are_accepted(links):
    safety.check_links(links)


def test_a_link_is_resolved_before_it_is_checked():
    safety.check_links({"a": "d/e/..", "d/e": "f/g"})  # d/f, though d/e/.. reads like d


@pytest.mark.parametrize("name", [".envmgr-receipt.json", ".ENVMGR-FILES"])
def test_names_of_envmgrs_own_files_are_rejected(name):
    with pytest.raises(UnsafeArchive, match="reserved by envmgr"):
        safety.check_reserved(name)


def test_an_archive_bomb_is_detected_by_its_size():
    meter = safety.ExpansionGuard(1000)
    meter.add(safety.FREE_BYTES)
    with pytest.raises(UnsafeArchive, match="1,000 bytes expand to more than"):
        meter.add(1)


def test_the_size_limit_grows_with_the_archive_up_to_a_maximum():
    safety.ExpansionGuard(500 << 20).add(20 << 30)
    with pytest.raises(UnsafeArchive):
        safety.ExpansionGuard(500 << 20).add(safety.MAX_BYTES + 1)


def test_empty_and_dot_components_of_a_target_are_ignored():
    safety.check_links({"bin/a": "./b//c", "b": "./."})
    with pytest.raises(UnsafeArchive, match="escapes the tree"):
        safety.check_links({"bin/a": ".//./../../c"})

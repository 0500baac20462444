from __future__ import annotations

import pytest

from envmgr.catalog import document_decoder


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://x/index.json?a=b.txt", "json"),
        ("https://x/list", "json"),
        ("https://x/a.NDJSON", "ndjson"),
        ("https://x/index.tab#x", "tsv"),
        ("https://x/a.toml", "toml"),
        ("https://x/stable.txt", "text"),
    ],
)
def test_the_format_of_a_list_is_derived_from_its_url(url, kind):
    assert document_decoder.format_of(url) == kind


@pytest.mark.parametrize(
    ("body", "kind", "decoded"),
    [
        (b'\xef\xbb\xbf["1"]', "json", ["1"]),
        (b"a\tb\n1\t2\n\n3\t4\r\n", "tsv", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        (b"", "tsv", []),
        (b"# note\n\n v1 \nv2", "text", ["v1", "v2"]),
        (b'[pkg]\nversion = "1"', "toml", {"pkg": {"version": "1"}}),
    ],
)
def test_every_format_is_decoded(body, kind, decoded):
    assert document_decoder.decode(body, kind) == decoded


def test_ndjson_is_decoded_lazily_line_by_line():
    lines = list(document_decoder.entries(document_decoder.decode(b'{"a": 1}\r\n\n  \n{"a": 2}', "ndjson")))
    assert [document_decoder.value_of(line) for line in lines] == [{"a": 1}, {"a": 2}]
    assert document_decoder.value_of({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<!DOCTYPE html>", "json", "line 1, column 1: Expecting value, at '<!DOCTYPE html>'"),
        (b"[" * 100_000, "json", "nested too deeply"),
        (b"\xff", "json", "byte 0 is not UTF-8"),
        (b"a = \n", "toml", "line 1"),
    ],
)
def test_an_undecodable_document_is_described(body, kind, words):
    with pytest.raises(ValueError, match=words):
        document_decoder.decode(body, kind)


@pytest.mark.parametrize(("line", "words"), [(b"\xff", "byte 0"), (b"{", "line 1, column 2")])
def test_an_invalid_line_is_described(line, words):
    with pytest.raises(ValueError, match=words):
        document_decoder.value_of(memoryview(line))


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "nothing"), ({}, "an object"), ("x", "a string"), (3, "a number"), (True, "a number|a boolean")],
)
def test_a_document_without_a_list_is_described(value, words):
    with pytest.raises(ValueError, match=words):
        list(document_decoder.entries(value))


def test_an_endless_list_is_rejected():
    with pytest.raises(ValueError, match="more than 100000 entries"):
        list(document_decoder.entries(iter(int, 1)))


def test_objects_with_versions_as_keys_become_lists():
    assert document_decoder.entries_from_object({"1.0": {"date": "d"}, "1.1": "u"}) == [
        {"key": "1.0", "date": "d"},
        {"key": "1.1", "value": "u"},
    ]
    with pytest.raises(ValueError, match="expected an object, got an array"):
        document_decoder.entries_from_object([])

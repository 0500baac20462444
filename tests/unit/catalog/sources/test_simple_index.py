from __future__ import annotations

import json

import pytest

from envmgr.catalog.sources import simple_index
from envmgr.catalog.sources.simple_index import File
from envmgr.kit.digest import Digest
from envmgr.kit.errors import SourceError

AT = "https://index.example/simple/tool/"
SHA = "ab" * 32


def page(*files: dict[str, object], version: str = "1.1") -> bytes:
    return json.dumps({"meta": {"api-version": version}, "name": "tool", "files": files}).encode()


def test_json_pages_have_digest_size_date_and_yanked() -> None:
    entry = {
        "filename": "tool-1.0-py3-none-any.whl",
        "url": "https://files.example/tool-1.0-py3-none-any.whl",
        "hashes": {"md5": "0", "sha256": SHA},
        "size": 12,
        "upload-time": "2024-05-06T07:08:09.1Z",
        "yanked": "broken",
    }
    assert simple_index.parse(page(entry), "application/vnd.pypi.simple.v1+json", AT) == (
        File(
            "tool-1.0-py3-none-any.whl",
            "https://files.example/tool-1.0-py3-none-any.whl",
            Digest("sha256", SHA),
            12,
            "2024-05-06T07:08:09.1Z",
            yanked=True,
        ),
    )


def test_json_without_the_later_fields_is_read() -> None:
    files = simple_index.parse(page({"filename": "a.whl", "url": "a.whl", "hashes": {}}), "", AT)
    assert files == (File("a.whl", f"{AT}a.whl"),)


def test_html_pages_have_digest_and_yanked() -> None:
    body = f"""<!DOCTYPE html><html><body><h1>Links</h1>
        <A HREF='../../files/tool%2B-1.0.whl#sha256={SHA}' data-requires-python="&gt;=3.7">tool</a>
        <a data-yanked="" href="tool-2.0.whl?x=1">tool</a><a name="no link">x</a></body></html>"""
    assert simple_index.parse(body.encode(), "text/html", AT) == (
        File("tool+-1.0.whl", "https://index.example/files/tool%2B-1.0.whl", Digest("sha256", SHA)),
        File("tool-2.0.whl", f"{AT}tool-2.0.whl?x=1", yanked=True),
    )


def test_links_in_html_are_relative_to_the_base_element() -> None:
    body = b'<html><head><base href="https://other.example/x/"></head><a href="a.whl">a</a></html>'
    assert simple_index.parse(body, "text/html", AT)[0].url == "https://other.example/x/a.whl"


def test_an_empty_page_has_no_files() -> None:
    assert simple_index.parse(b"<!DOCTYPE html><html><body></body></html>", "text/html", AT) == ()


def test_the_strongest_valid_digest_is_used() -> None:
    hashes = {"sha256": "short", "sha512": "cd" * 64, "blake2b": "00"}
    (file,) = simple_index.parse(page({"filename": "a", "url": "a", "hashes": hashes}), "", AT)
    assert file.digest == Digest("sha512", "cd" * 64)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not found",
        b'{"files": []}',
        b'{"meta": {"api-version": "1.0"}, "files": [{"url": 1}]}',
        b'{"meta": {"api-version": "1.0"}, "files": [',
        b'{"meta": {"api-version": "1.0"}, "files": 3}',
        b"{" * 100_000,
        b'{"\xff',
    ],
)
def test_an_invalid_index_page_is_an_error_with_the_url(body: bytes) -> None:
    with pytest.raises(SourceError, match=r"index\.example/simple/tool"):
        simple_index.parse(body, "", AT)


def test_an_unsupported_major_version_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"version 2\.0"):
        simple_index.parse(page(version="2.0"), "", AT)

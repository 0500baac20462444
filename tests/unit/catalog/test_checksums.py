from __future__ import annotations

import json

import pytest

from envmgr.catalog import checksums
from envmgr.kit.errors import HttpError, SourceError
from envmgr.lockformat.model import Artifact
from support.registries.recorded_upstreams import Recorded

A, B = "a" * 64, "b" * 64
URL = "https://x/v1/tool.zip"
ARTIFACT = Artifact(URL)


def verified(body, status=None, **checksum):
    lists = Recorded(
        {} if status else {"https://x/sums": (body if isinstance(body, bytes) else body.encode(), {})}
    )
    if status:
        lists.document = lambda *_, **__: raising(status)
        lists.get = lists.document
    return checksums.with_digest(ARTIFACT, {"url_template": "https://x/sums", **checksum}, lists)


def raising(status):
    raise HttpError("no", status=status)


@pytest.mark.parametrize(
    "text",
    [
        f"{A}  tool.zip\n{B}  other.zip\n",
        f"{A} *tool.zip\r\n",
        f"{A.upper()}\ttool.zip",
        f"\ufeff{A}  ./tool.zip",
        f"{B}  old/tool.zip\n{A}  tool.zip\n",
        f"{B}  v0/tool.zip\n{A}  v1/tool.zip\n",
        f"{A}  dist/tool.zip\n",
        f"{A}  C:\\a\\tool.zip\n",
        f"SHA256 (tool.zip) = {A}\nSHA256 (other.zip) = {B}\n",
        f"# comment\n\\{A}  tool.zip\n",
        f"sha256:{A}  tool.zip\n",
        f"SHA-256={A} *tool.zip\n",
        f"tool.zip: {A}\nother.zip: {B}\n",
        f"tool.zip: sha256:{A}\n",
        f"SHA512 (tool.zip) = {A}{B}\nSHA256 (tool.zip) = {A}\n",
        f"{B[:40]}  tool.zip\n{A}  tool.zip\n{A}{B}  tool.zip\n",
    ],
)
def test_checksums_are_parsed_in_every_format(text):
    assert checksums.parse(text, "sums", URL).lower() == A


@pytest.mark.parametrize(
    "text", [A, f"{A}\n", f"{A}  tool.zip", f"{A} *any/where.zip\n", f"\ufeff{A}", f"tool.zip: {A}"]
)
def test_a_bare_digest_may_be_followed_by_a_name(text):
    assert checksums.parse(text, "bare", URL) == A


def test_a_bare_document_that_lists_several_files_is_read_as_one():
    assert checksums.parse(f"{B}  other.zip\n{A}  tool.zip\n", "bare", URL) == A


def test_powershells_list_is_read_with_its_blank_lines_and_wrapped_paths():
    text = (
        "\r\nAlgorithm : SHA256\r\nHash      : " + A.upper() + "\r\n"
        "Path      : C:\\a\\deno\\deno\\target\\rele\r\n            ase\\tool.zip\r\n\r\n\r\n"
        "Algorithm : SHA256\r\nHash      : " + B.upper() + "\r\nPath      : C:\\other.zip\r\n"
    )
    assert checksums.parse(text, "get-filehash", URL) == A


TABLE = (
    "\r\nAlgorithm       Hash                                                             Path\r\n"
    "---------       ----                                                             ----\r\n"
    f"SHA256          {B.upper()} D:\\x y\\other.zip\r\n"
    f"SHA256          {A.upper()} D:\\x y\\tool.zip      \r\n\r\n\r\n"
)


@pytest.mark.parametrize("kind", ["sums", "get-filehash", "bare"])
@pytest.mark.parametrize("text", [TABLE, TABLE.replace("D:\\x y\\", "./")], ids=["backslashes", "slashes"])
def test_powershells_table_is_read(text, kind):
    assert checksums.parse(text, kind, URL).lower() == A


def test_powershells_list_is_read_as_sums():
    text = f"\r\nAlgorithm : SHA256\r\nHash      : {A.upper()}\r\nPath      : C:\\a\\tool.zip\r\n\r\n"
    assert checksums.parse(text, "sums", URL).lower() == A


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_the_encoding_of_powershells_table_needs_no_mark(encoding):
    text = TABLE.replace("x y", "Übung 日本")
    assert verified(text.encode(encoding)).digest.value == A


@pytest.mark.parametrize("kind", ["sums", "bare"])
@pytest.mark.parametrize("digest", [A, " ".join(["aa"] * 32)], ids=["joined", "pairs"])
@pytest.mark.parametrize("title", ["SHA256 hash of tool.zip:", "SHA256 hash of file tool.zip:"])
def test_certutils_output_is_read(title, digest, kind):
    text = f"{title}\r\n{digest}\r\nCertUtil: -hashfile command completed successfully.\r\n"
    assert checksums.parse(text, kind, URL) == A


def test_digests_of_the_requested_algorithm_are_taken():
    text = f"SHA256 (tool.zip) = {A}\nSHA512 (tool.zip) = {B}{B}\n"
    assert str(verified(text, algorithm="sha512").digest) == f"sha512:{B}{B}"


def test_an_upstream_that_left_powershell_is_still_read():
    assert checksums.parse(f"{A}  tool.zip\n", "get-filehash", URL) == A


def test_json_is_read_by_its_path():
    text = json.dumps({"files": {"tool.zip": {"sha": A}}})
    assert checksums.parse(text, "json", URL, 'files."tool.zip".sha') == A


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("<html>", "sums", r"no digests found \(starts with '<html>'\)"),
        (
            TABLE.replace(A.upper(), "").replace(B.upper(), ""),
            "sums",
            r"no digests found \(starts with 'Algorithm",
        ),
        ("", "bare", "empty file"),
        (f"{A}  tool.zip\n{B}  tool.zip\n", "sums", "2 conflicting digests"),
        ("{}", "json", "got nothing"),
        ("<html>", "json", "line 1, column 1"),
    ],
)
def test_a_document_without_digests_is_described(text, kind, words):
    with pytest.raises(ValueError, match=words):
        checksums.parse(text, kind, URL, "a")


def test_an_archive_has_the_digest_that_its_upstream_publishes():
    result = verified(f"{A}  tool.zip", format="sums", algorithm="sha256")
    assert (result.url, str(result.digest)) == (URL, f"sha256:{A}")


def test_other_algorithms_are_preserved():
    assert str(verified(A * 2, format="bare", algorithm="sha512").digest) == f"sha512:{A * 2}"


def test_a_digest_of_the_wrong_length_is_an_error_with_the_url():
    with pytest.raises(SourceError, match=r"cannot read the sha256 digest of tool\.zip from https://x/sums"):
        verified("abcd", format="bare")


def test_a_missing_sums_document_yields_no_digest():
    assert verified("", status=404, format="bare") == ARTIFACT
    assert verified(f"{B}  other.zip", format="sums") == ARTIFACT


def test_an_archive_missing_in_complete_sums_is_not_published():
    assert verified("", status=410, format="sums", complete="True") is None
    assert verified(f"{B}  other.zip", format="sums", complete="True") is None


def test_any_other_failure_is_an_error():
    with pytest.raises(HttpError):
        verified("", status=403, format="sums", complete="True")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_sums_that_powershell_redirected_are_read(encoding):
    mark = "" if encoding == "utf-16" else "\ufeff"
    content = f"{mark}{A}  tool.zip\r\n".encode(encoding)
    assert verified(content).digest.value == A


def test_a_byte_that_is_not_utf8_leaves_the_other_lines_readable():
    content = b"# caf\xe9\n" + f"{A}  tool.zip\n".encode()
    assert verified(content).digest.value == A

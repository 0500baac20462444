"""Minisign signatures, valid and invalid."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.install.download import minisign
from support.archives.minisign_signer import Signer

CONTENT = b"the archive" * 1000
NAME = "tool-1.0.tar.gz"
UPSTREAM = Signer()


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "5e0f"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def problem(archive):
    def check(document, *keys, name=NAME):
        return minisign.problem(document, keys or (UPSTREAM.public,), str(archive), name)

    return check


def line(document, number, change):
    """Change one line of a document."""
    lines = document.split(b"\n")
    lines[number] = change(lines[number])
    return b"\n".join(lines)


def flip_bit(line_number):
    """Flip a bit in the base64 content of a line."""

    def change(text):
        raw = bytearray(b64decode(text))
        raw[line_number] ^= 1
        return b64encode(raw)

    return change


@pytest.mark.parametrize("legacy", [False, True], ids=["prehashed", "legacy"])
def test_a_valid_signature_is_accepted(problem, legacy):
    assert problem(UPSTREAM.sign(CONTENT, NAME, legacy=legacy)) is None


@pytest.mark.parametrize("legacy", [False, True], ids=["prehashed", "legacy"])
def test_a_signature_of_an_empty_file_is_accepted(problem, archive, legacy):
    archive.write_bytes(b"")
    assert problem(UPSTREAM.sign(b"", NAME, legacy=legacy)) is None
    assert problem(UPSTREAM.sign(b"x", NAME, legacy=legacy)) == "invalid signature"


@pytest.mark.parametrize("legacy", [False, True], ids=["prehashed", "legacy"])
@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"\0", b"\0" + CONTENT[1:]])
def test_a_signature_of_another_archive_is_rejected(problem, archive, content, legacy):
    document = UPSTREAM.sign(CONTENT, NAME, legacy=legacy)
    archive.write_bytes(content)
    assert problem(document) == "invalid signature"


def test_legacy_and_prehashed_signatures_are_distinguished(problem):
    legacy, hashed = UPSTREAM.sign(CONTENT, NAME, legacy=True), UPSTREAM.sign(CONTENT, NAME)
    for document, algorithm in ((legacy, b"ED"), (hashed, b"Ed")):
        other = line(document, 1, lambda text, a=algorithm: b64encode(a + b64decode(text)[2:]))
        assert problem(other) == "invalid signature"


def test_an_unknown_key_is_named(problem):
    stranger = Signer("stranger")
    result = problem(stranger.sign(CONTENT, NAME))
    assert f"{int.from_bytes(stranger.key_id, 'little'):016X}" in result
    assert f"{int.from_bytes(UPSTREAM.key_id, 'little'):016X}" in result


def test_a_key_with_a_forged_id_is_rejected(problem):
    stranger = Signer("stranger", UPSTREAM.key_id)
    assert "invalid signature of the trusted comment" in problem(stranger.sign(CONTENT, NAME))


def test_any_of_several_keys_is_accepted(problem):
    keys = [Signer("old").public, UPSTREAM.public]
    assert problem(UPSTREAM.sign(CONTENT, NAME), *keys) is None
    assert problem(Signer("old").sign(CONTENT, NAME), *keys) is None
    assert ", expected " in problem(Signer("older").sign(CONTENT, NAME), *keys)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.replace(b"timestamp:1700000000", b"timestamp:1800000000"),
        lambda d: d.replace(b"file:tool-1.0", b"file:tool-2.0"),
        lambda d: line(d, 1, flip_bit(20)),
        lambda d: line(d, 1, flip_bit(73)),
        lambda d: line(d, 3, flip_bit(0)),
        lambda d: line(d, 3, flip_bit(63)),
    ],
)
def test_a_modified_document_is_rejected(problem, change):
    assert "invalid signature of the trusted comment" in problem(change(UPSTREAM.sign(CONTENT, NAME)))


def test_the_untrusted_comment_is_ignored(problem):
    document = UPSTREAM.sign(CONTENT, NAME)
    assert problem(document.replace(b"signature from minisign secret key", b"file:other")) is None


@pytest.mark.parametrize(
    "comment",
    ["timestamp:1\tfile:tool-0.9.tar.gz\thashed", "file:tool-0.9.tar.gz", "of 2020 file:tool-0.9.tar.gz"],
)
def test_a_valid_signature_for_another_file_name_is_rejected(problem, comment):
    document = UPSTREAM.sign(CONTENT, None, comment=comment)
    assert problem(document) == "signature is for 'tool-0.9.tar.gz', expected 'tool-1.0.tar.gz'"


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("timestamp:1700000000", NAME),
        ("released by upstream", NAME),
        ("profile:x", NAME),
        ("timestamp:1\tfile:a tool.zip\thashed", "a tool.zip"),
    ],
)
def test_a_trusted_comment_without_a_file_name_is_accepted(problem, comment, name):
    assert problem(UPSTREAM.sign(CONTENT, None, comment=comment), name=name) is None


def test_any_line_endings_are_accepted(problem):
    document = UPSTREAM.sign(CONTENT, NAME)
    assert problem(document.replace(b"\n", b"\r\n")) is None
    assert problem(document.removesuffix(b"\n")) is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\n\n\n",
        b"<!doctype html><title>Sign in</title>",
        UPSTREAM.sign(CONTENT, NAME) + b"more\n",
        UPSTREAM.sign(CONTENT, NAME).replace(b"untrusted ", b""),
        UPSTREAM.sign(CONTENT, NAME).replace(b"\ntrusted comment: ", b"\n"),
        line(UPSTREAM.sign(CONTENT, NAME), 1, lambda text: text[:-8]),
        line(UPSTREAM.sign(CONTENT, NAME), 1, lambda _: b"\xff\xfe"),
        line(UPSTREAM.sign(CONTENT, NAME), 3, lambda text: text + text),
        line(UPSTREAM.sign(CONTENT, NAME), 1, lambda text: b64encode(b"RS" + b64decode(text)[2:])),
    ],
)
def test_an_invalid_signature_document_is_rejected(problem, document):
    assert problem(document)


@pytest.mark.parametrize(
    "key", ["", "RW", "x" * 56, UPSTREAM.public + "\n", b64encode(b"ED" + bytes(40)).decode(), "ü" * 56]
)
def test_an_invalid_key_is_rejected(problem, key):
    assert problem(UPSTREAM.sign(CONTENT, NAME), key)


@given(st.binary(max_size=400))
def test_random_bytes_are_rejected_as_signatures(document):
    assert minisign.problem(document, (UPSTREAM.public,), __file__, NAME)


@given(st.data())
def test_a_truncated_signature_is_rejected(data):
    document = UPSTREAM.sign(CONTENT, NAME)
    length = data.draw(st.integers(0, len(document) - 2))  # without its last line feed it is whole
    assert minisign.problem(document[:length], (UPSTREAM.public,), __file__, NAME)


@given(st.data())
def test_a_signature_with_a_replaced_part_is_accepted_or_rejected_with_a_reason(data):
    good = UPSTREAM.sign(CONTENT, NAME)
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    document = good[:start] + data.draw(st.binary(max_size=20)) + good[end:]
    assert minisign.problem(document, (UPSTREAM.public,), __file__, NAME)  # which is another file

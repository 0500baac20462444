from __future__ import annotations

import pytest

from envmgr.kit.text_encoding import decode_published_text

TEXT = "a Übung 日本.zip\r\n" + "0123456789abcdef" * 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_published_text_is_decoded_without_a_mark(encoding):
    assert decode_published_text(TEXT.encode(encoding)) == TEXT


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"a\0b", "a\0b"),
        (b"abcdefg\0", "abcdefg\0"),
        (b"a\0\0b", "a\0\0b"),
        (b"\0\0\0\0", "\0\0\0\0"),
        (b"caf\xe9", "caf\ufffd"),
    ],
)
def test_other_bytes_are_read_as_utf_8(content, text):
    assert decode_published_text(content) == text

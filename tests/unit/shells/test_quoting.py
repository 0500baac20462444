"""Quoting of any text for a shell."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.shells import quoting

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(
    lambda text: text + "'\n$`\\\""
)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_sh_reads_back_what_was_quoted(text):
    read = subprocess.run(
        ["sh", "-c", f"printf %s {quoting.posix(text)}"], capture_output=True, check=True
    ).stdout
    assert read == text.encode()


def test_undecodable_bytes_of_a_path_are_preserved():
    name = os.fsdecode(b"caf\xe9 'x'")
    command = os.fsencode(f"printf %s {quoting.posix(name)}")
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout == b"caf\xe9 'x'"


def test_batch_files_expand_no_percent_sign_of_a_path():
    assert quoting.batch(r"C:\100%\a b") == r"C:\100%%\a b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("JAVA_HOME", True), ("_1", True), ("1A", False), ("A-B", False), ("", False), ("É", False)],
)
def test_names_of_variables_are_validated(text, expected):
    assert quoting.is_name(text) is expected

"""`.envmgr`: parsing, errors with positions, and minimal edits."""

from __future__ import annotations

import time

import pytest

from envmgr.kit.errors import DotfileError
from envmgr.project.dotfile import (
    LIMIT,
    MAX_ISSUES,
    decode,
    parse,
    parse_specs,
    with_request,
    without_request,
)
from envmgr.project.request import Origin, Request

PATH = "/p/.envmgr"

SPEC = """\
# one tool a line; later lines may not repeat a tool
nodejs=20.1.0
python = ^3.12.0        # spaces and trailing comments are fine
zig=0.12.0
java=temurin-21
pypi:ruff=~0.15
go=path:../tools/go       # an installation made elsewhere, relative to this file
ruby=3.3, 3.2             # several: the first is the default, all are on PATH
"""


def requests_of(text: str) -> dict[str, tuple[str, ...]]:
    return {entry.tool: entry.specs for entry in parse(text, PATH).entries}


def issues(text: str) -> list[str]:
    with pytest.raises(DotfileError) as caught:
        parse(text, PATH)
    assert caught.value.hint
    assert all(issue.startswith(f"{PATH}:") for issue in caught.value.issues)
    return [issue.removeprefix(f"{PATH}:") for issue in caught.value.issues]


def test_the_example_of_the_specification_is_read():
    assert requests_of(SPEC) == {
        "nodejs": ("20.1.0",),
        "python": ("^3.12.0",),
        "zig": ("0.12.0",),
        "java": ("temurin-21",),
        "pypi:ruff": ("~0.15",),
        "go": ("path:../tools/go",),
        "ruby": ("3.3", "3.2"),
    }


def test_entries_have_line_and_column():
    result = parse("\n  nodejs=20\n", PATH).entries
    assert result == (Request("nodejs", ("20",), Origin("file", PATH, 2, 3)),)
    assert parse("a=1", PATH, is_global=True).entries[0].origin.kind == "global"


def test_a_dotfile_returns_the_request_of_a_tool():
    file = parse("a=1\nb=2\n", PATH)
    assert file.request("b") == file.entries[1]
    assert file.request("c") is None
    assert (file.path, file.is_global) == (PATH, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "# x",
        "  # x\n\t#y\n",
        "\ufeff",
        "\ufeff# x\r\n",
        "\r\n\r\n",
        "#" * 1000,
        "# \x01 anything in a comment",
    ],
)
def test_a_file_without_requests_is_valid(text):
    assert requests_of(text) == {}


@pytest.mark.parametrize(
    ("line", "specs"),
    [
        ("a=1", ("1",)),
        ("\ufeffa=1\r\n", ("1",)),
        ("\ta\t=\t1\t# x", ("1",)),
        ("a=1 #", ("1",)),
        ("a==1.22", ("=1.22",)),
        ("a===1.22", ("==1.22",)),
        ("a=>=3.11, <3.13", (">=3.11, <3.13",)),
        ("a=3.12, 3.11", ("3.12", "3.11")),
        ("a=3.12, >=2 <3, 1", ("3.12, >=2 <3", "1")),
        ("a=1 || 2", ("1 || 2",)),
        ("a=latest", ("latest",)),
        ("a=lts/iron", ("lts/iron",)),
        ("a=system", ("system",)),
        ("a=ref:main", ("ref:main",)),
        ("a=path:~/x", ("path:~/x",)),
        ("a=path:/with spaces/é,#x", ("path:/with spaces/é,#x",)),
    ],
)
def test_the_request_is_everything_after_the_first_equals_sign(line, specs):
    assert requests_of(line) == {"a": specs}


@pytest.mark.parametrize(
    ("line", "issue"),
    [
        ("nodejs 20.1.0", "1:1: missing `=`; did you mean `nodejs=20.1.0`?"),
        ("nodejs", "1:1: nodejs has no version; use `nodejs=latest`"),
        ("  what is this?", "1:3: missing `=`; did you mean `what=is this?`?"),
        ("!", "1:1: expected TOOL=VERSION, got '!'"),
        ("=20", "1:1: missing tool name before the `=`"),
        ("nodejs=", "1:8: nodejs has no version; use `nodejs=latest`"),
        ("nodejs = # 20", "1:9: nodejs has no version; use `nodejs=latest`"),
        ("NodeJS=20", "1:1: tool names are lower case: use `nodejs`"),
        ("nodejs>=20", "1:1: put the operator after the `=`: `nodejs = >=20`"),
        ("nodejs ^=20", "1:1: put the operator after the `=`: `nodejs = ^=20`"),
        ("  no de=20", "1:3: invalid tool name 'no de'"),
        ("npm:../x=20", "1:1: invalid tool name 'npm:../x'"),
        ("!!=20", "1:1: invalid tool name '!!'"),
        ("nodejs=20\x07", "1:10: invalid character U+0007"),
        ("nodejs=\u00a020", "1:8: invalid character U+00A0"),
        ("nodejs=20\rpython=3", "1:10: invalid character U+000D"),
        ("a=1\na=2", "2:1: a is already set in line 1"),
        ("<<<<<<< HEAD", "1:1: unresolved merge conflict: keep one side of it"),
        ("=======", "1:1: unresolved merge conflict: keep one side of it"),
    ],
)
def test_an_invalid_line_is_rejected_with_position_and_hint(line, issue):
    assert issues(line) == [issue]


@pytest.mark.parametrize(
    ("value", "column"),
    [
        ("1 || foo", 8), ("~=1", 3), ("!=1", 3), ("1,,2", 3), ("1,", 3), ("20#x", 5), ("$(x)", 3), ("é", 3),
        ("ref:-x", 3), ("path:", 3), ("1 ..2", 3),
    ],
)  # fmt: skip
def test_an_invalid_version_is_rejected_with_the_column_of_the_error(value, column):
    (issue,) = issues(f"a={value}")
    assert issue.startswith(f"1:{column}: a: ")


def test_all_invalid_lines_are_reported_at_once():
    assert [issue.partition(": ")[0] for issue in issues("a=1\nB=2\n\nc\n=4\nok=1\nok=2\n")] == [
        "2:1",
        "4:1",
        "5:1",
        "7:1",
    ]


def test_a_file_of_another_kind_is_reported_briefly():
    with pytest.raises(DotfileError) as caught:
        parse("x\n" * 1000, PATH)
    assert len(caught.value.issues) == MAX_ISSUES + 1
    assert caught.value.issues[-1] == "and 950 more errors"


@pytest.mark.parametrize(
    ("content", "issue"),
    [
        (b"a=1\nb=\xff2\n", f"{PATH}:2:3: not UTF-8 (byte 0xff)"),
        (b"\xef\xbb\xbfa=\xe9", f"{PATH}:1:3: not UTF-8 (byte 0xe9)"),
        ("é=\0".encode(), f"{PATH}:1:3: NUL byte"),
        (b"#" * (LIMIT + 1), f"{PATH}: exceeds 1 MB"),
    ],
)
def test_undecodable_bytes_are_rejected_with_their_position(content, issue):
    with pytest.raises(DotfileError) as caught:
        decode(content, PATH)
    assert caught.value.issues == (issue,)


def test_text_is_decoded_unchanged():
    assert decode("\ufeffa=1\r\n".encode(), PATH) == "\ufeffa=1\r\n"


@pytest.mark.parametrize("piece", ["#", " #", "=", "a=1\n", "\t", ",", "a", "^", "a=1,\n", "é"])
def test_reading_takes_linear_time(piece):
    start = time.process_time()
    for text in (piece * (200_000 // len(piece)), "a=" + piece * (200_000 // len(piece))):
        try:
            parse(text, PATH)
        except DotfileError:
            continue
    assert time.process_time() - start < 10  # what grows with the square takes minutes


@pytest.mark.parametrize(
    ("before", "tool", "spec", "after"),
    [
        ("", "a", "1", "a=1\n"),
        ("\ufeff", "a", "1", "\ufeffa=1\n"),
        ("# x", "a", "1", "# x\na=1\n"),
        ("b=2\n", "a", "1", "b=2\na=1\n"),
        ("b=2", "a", "1", "b=2\na=1\n"),
        ("b = 2\n\n", "a", "1", "b = 2\n\na = 1\n"),
        ("b  =2\n", "a", "1", "b  =2\na=1\n"),
        ("b=2\r\n", "a", "1", "b=2\r\na=1\r\n"),
        ("b=2\r\nc=3", "a", "1", "b=2\r\nc=3\r\na=1\r\n"),
        ("a=1\n", "a", "2", "a=2\n"),
        ("a=1", "a", "2", "a=2"),
        ("\ufeff a =  1\t\r\nb=2\r\n", "a", ">=1, <2", "\ufeff a =  >=1, <2\t\r\nb=2\r\n"),
        ("a=1   # x\n", "a", "10", "a=10  # x\n"),
        ("a=1 # x\n", "a", "10.0", "a=10.0 # x\n"),
        ("a=10.0 # x\n", "a", "1", "a=1    # x\n"),
        ("a=1\t# x\n", "a", "10", "a=10\t# x\n"),
        ("a=1#x\n".replace("#x", " #x#y"), "a", "2", "a=2 #x#y\n"),
        ("a=3.3, 3.2 # x\n", "a", "3", "a=3        # x\n"),
        ("a=1\nb=a\n", "b", "path:../x y", "a=1\nb=path:../x y\n"),
        ("npm:@s/n=1\n", "npm:@s/n", "2", "npm:@s/n=2\n"),
    ],
)
def test_an_edit_changes_one_line_and_keeps_the_rest(before, tool, spec, after):
    assert with_request(before, tool, spec) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a=1\n", ""),
        ("a=1", ""),
        ("b=2\na=1", "b=2"),
        ("\ufeffa=1 # x\r\n# y\r\nb=2\r\n", "\ufeff# y\r\nb=2\r\n"),
        ("# x\n a = 1, 2\nb=a\n", "# x\nb=a\n"),
        ("b=2\n", "b=2\n"),
        ("", ""),
    ],
)
def test_a_removal_removes_one_line_and_keeps_the_rest(before, after):
    assert without_request(before, "a") == after


@pytest.mark.parametrize(
    ("text", "tool", "spec"),
    [
        ("b", "a", "1"),
        ("", "A", "1"),
        ("", "a", ""),
        ("", "a", " "),
        ("", "a", "1 # x"),
        ("", "a", "1\nb=2"),
        ("", "a\nb", "1"),
        ("", "a=1\nb", "1"),
        ("", "a=1", "1"),
        ("a=1", "a", "path:x #y"),
        ("", "a", "path:x "),
        ("", "#a", "1"),
        ("x=1", "", "1"),
    ],
)
def test_an_edit_that_cannot_be_read_back_is_rejected(text, tool, spec):
    with pytest.raises(DotfileError) as caught:
        with_request(text, tool, spec, PATH)
    assert PATH in caught.value.message


def test_specs_are_parsed_like_the_right_hand_side():
    assert parse_specs("3.12, 3.11") == ("3.12", "3.11")
    with pytest.raises(ValueError, match="foo"):
        parse_specs("1 || foo")

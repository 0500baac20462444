"""Names in a lock: tools, request keys and platforms."""

from __future__ import annotations

import pytest

from envmgr.lockformat.names import is_key, is_platform, is_tool, key, split_key


@pytest.mark.parametrize(
    "text",
    [
        "nodejs",
        "7zip",
        "a.b_c+d-e",
        "pypi:ruff",
        "pypi:Flask_SQLAlchemy",
        "npm:@scope/name",
        "npm:prettier",
        "github:cli/cli",
    ],
)
def test_tool_names_are_valid(text):
    assert is_tool(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "Node", "-x", ".x", "no de", "a@b", "é", "a/b", "npm:", ":x", "npm:@", "npm:@/x", "npm:@a//b", "npm:a/",
        "npm:../x", "npm:a@b", "npm:a b", "NPM:a", "npm:-a", "a\n", "npm:a\n", "a" * 201,
    ],
)  # fmt: skip
def test_other_texts_are_not_tool_names(text):
    assert not is_tool(text)


@pytest.mark.parametrize(
    ("tool", "spec"),
    [
        ("nodejs", "^20.1"),
        ("npm:@scope/name", "1"),
        ("npm:x", "@1"),
        ("java", "temurin@21"),
        ("x", ">=1, <2"),
    ],
)
def test_a_key_is_split_into_its_parts(tool, spec):
    assert split_key(key(tool, spec)) == (tool, spec)


@pytest.mark.parametrize("tool", ["nodejs", "npm:@scope/name", ""])
def test_a_key_without_a_spec_is_a_tool(tool):
    assert split_key(tool) == (tool, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x@1", True),
        ("npm:@s/n@>=1, <2", True),
        ("x@" + "1" * 1024, True),
        ("x@" + "1" * 1025, False),
        ("x", False),
        ("x@", False),
        ("x@1 ", False),
        ("x@é", False),
        ("X@1", False),
    ],
)
def test_a_request_key_has_tool_and_spec(text, expected):
    assert is_key(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux-x64", True),
        ("linux-x64-musl", True),
        ("plan9-riscv64", True),
        ("linux", False),
        ("a-b-c-d", False),
        ("Linux-x64", False),
        ("linux-64", False),
        ("linux-é", False),
        ("a-" + "b" * 59, False),
    ],
)
def test_a_platform_key_has_system_and_processor(text, expected):
    assert is_platform(text) is expected

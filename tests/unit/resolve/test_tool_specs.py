from __future__ import annotations

import re

import pytest

from envmgr.kit.errors import InvalidRequest, UsageError
from envmgr.resolve.tool_specs import ToolSpec, build_tool_spec, from_two_args, parse, parse_many

KNOWN = {"nodejs", "python"}


@pytest.mark.parametrize(
    ("text", "tool", "spec"),
    [
        ("nodejs", "nodejs", None),
        ("nodejs@^20.1", "nodejs", "^20.1"),
        ("npm:@scope/name", "npm:@scope/name", None),
        ("npm:@scope/name@1.2", "npm:@scope/name", "1.2"),
        ("pypi:ruff@~0.15", "pypi:ruff", "~0.15"),
        ("github:cli/cli@latest", "github:cli/cli", "latest"),
        ("go@path:/opt/go", "go", "path:/opt/go"),
    ],
)
def test_a_tool_and_its_spec_are_separated(text, tool, spec):
    assert parse(text) == ToolSpec(tool, spec)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("latest:20", "latest:20 is a version, not a tool", "write TOOL@latest:20"),
        ("prefix:20", "prefix:20 is a version, not a tool", "write TOOL@prefix:20"),
        ("path:/opt/go", "path:/opt/go is a version, not a tool", "write TOOL@path:/opt/go"),
        ("tag:v1@x", "tag:v1 is a version, not a tool", "write TOOL@tag:v1"),
        ("file:/x", "unknown source file: in 'file:/x'", "write TOOL@VERSION, or a package: pypi:NAME"),
        ("file:/x@1", "unknown source file: in 'file:/x'", "`TOOL=path:DIR` in .envmgr"),
        ("nodejs:20", "expected TOOL@VERSION, got 'nodejs:20'", "write nodejs@20"),
        ("https://x.example/t.zip", "https://x.example/t.zip is a URL", "envmgr install TOOL 1.2.3 https://"),
    ],
)
def test_a_version_or_url_in_place_of_a_tool_is_a_usage_error_with_the_form_to_write(text, message, hint):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("text", ["", "nodejs@", "--nodejs"])
def test_an_argument_without_a_tool_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nodejs", "20.1.0"], [ToolSpec("nodejs", "20.1.0")]),
        (["python", "^3.12.0"], [ToolSpec("python", "^3.12.0")]),
        (["nodejs", "latest"], [ToolSpec("nodejs", "latest")]),
        (["nodejs", ">=18, <21"], [ToolSpec("nodejs", ">=18, <21")]),
        (["nodejs", "python"], [ToolSpec("nodejs"), ToolSpec("python")]),
        (["nodejs", "python@3"], [ToolSpec("nodejs"), ToolSpec("python", "3")]),
        (["nodejs@20", "python"], [ToolSpec("nodejs", "20"), ToolSpec("python")]),
        (["nodejs", "npm:prettier"], [ToolSpec("nodejs"), ToolSpec("npm:prettier")]),
        (["npm:@scope/name", "1.2"], [ToolSpec("npm:@scope/name", "1.2")]),
    ],
)
def test_two_arguments_are_a_tool_and_a_spec_unless_the_second_is_a_tool(words, expected):
    assert parse_many(words, KNOWN.__contains__) == expected


def test_an_invalid_spec_argument_is_a_usage_error():
    assert build_tool_spec("nodejs", ">=20 <22") == ToolSpec("nodejs", ">=20 <22")
    with pytest.raises(InvalidRequest, match="nodejs@20 x y"):
        build_tool_spec("nodejs", "20 x y")


@pytest.mark.parametrize("spec", ["", " ", "\t"])
def test_an_empty_spec_is_rejected(spec):
    with pytest.raises(UsageError, match="empty version for nodejs"):
        build_tool_spec("nodejs", spec)


def test_a_tool_and_its_spec_may_be_two_arguments():
    assert from_two_args("npm:@scope/name", "^1") == ToolSpec("npm:@scope/name", "^1")
    with pytest.raises(UsageError, match=r"pypi:ruff has two versions: 0\.14 and 0\.13"):
        from_two_args("pypi:ruff@0.14", "0.13")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("nodejs=20", "write nodejs@20"),
        ("npm:prettier=^3.0", "write npm:prettier@^3.0"),
        ("go=>=1.22", "write go@>=1.22"),
        ("npm:@scope/name=1", "write npm:@scope/name@1"),
    ],
)
def test_the_form_of_a_dotfile_is_refused_with_the_form_of_the_command_line(text, hint):
    with pytest.raises(UsageError, match=re.escape(f"expected TOOL@VERSION, got {text!r}")) as caught:
        parse(text)
    assert caught.value.hint == hint

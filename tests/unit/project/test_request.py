"""Requests, names of tools and their spelling in locks."""

from __future__ import annotations

import pytest

from envmgr.project.request import Origin, Request, is_tool, key, split_key


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
def test_names_of_tools(text):
    assert is_tool(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "Node", "-x", ".x", "no de", "a@b", "é", "a/b", "npm:", ":x", "npm:@", "npm:@/x", "npm:@a//b", "npm:a/",
        "npm:../x", "npm:a@b", "npm:a b", "NPM:a", "npm:-a", "a\n", "npm:a\n", "a" * 201,
    ],
)  # fmt: skip
def test_anything_else_is_no_name(text):
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
def test_a_key_is_split_into_what_it_was_made_of(tool, spec):
    assert split_key(key(tool, spec)) == (tool, spec)


@pytest.mark.parametrize("tool", ["nodejs", "npm:@scope/name", ""])
def test_a_key_without_a_spec_is_a_tool(tool):
    assert split_key(tool) == (tool, "")


@pytest.mark.parametrize(
    ("origin", "spelled"),
    [
        (Origin("file", "/p/.envmgr", 3, 1), "/p/.envmgr:3"),
        (Origin("file", "/p/.nvmrc"), "/p/.nvmrc"),
        (Origin("environment", "ENVMGR_X_VERSION"), "$ENVMGR_X_VERSION"),
        (Origin("argument", ""), "command line"),
    ],
)
def test_an_origin_is_spelled_as_people_look_it_up(origin, spelled):
    assert str(origin) == spelled


def test_the_first_spec_is_the_default():
    assert Request("ruby", ("3.3", "3.2"), Origin("argument", "")).spec == "3.3"


@pytest.mark.parametrize(
    ("origin", "exactly"),
    [
        (Origin("file", "/p/.envmgr", 3, 7), "/p/.envmgr:3:7"),
        (Origin("file", "/p/.envmgr", 3), "/p/.envmgr:3"),
        (Origin("environment", "ENVMGR_ZIG_VERSION"), "$ENVMGR_ZIG_VERSION"),
        (Origin("argument", ""), "command line"),
    ],
)
def test_an_origin_is_spelled_with_its_column_where_it_is_known(origin, exactly):
    assert origin.exactly == exactly

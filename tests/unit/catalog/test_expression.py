from __future__ import annotations

import pytest

from envmgr.catalog import expression

ENTRY = {"version": "1.0", "files": [{"os": "linux", "url": "u"}], "x86_64-linux": {"tarball": "t"}}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("version", "1.0"),
        ("absent", None),
        ("files[?os=='{os}'] | [0].url", "u"),
        ("files[?os=='macos'] | [0].url", None),
        ('"{arch}-{os}".tarball', "t"),
        ("{v: version}", {"v": "1.0"}),
        ("join('', ['a', version])", "a1.0"),
    ],
)
def test_expressions_select_fields_and_paths_with_placeholders(text, result):
    assert expression.find(text, ENTRY, {"os": "linux", "arch": "x86_64"}) == result


def test_a_field_of_a_non_object_is_none():
    assert expression.find("version", ["1.0"]) is None


def test_a_value_cannot_break_out_of_a_literal():
    assert expression.find("files[?os=='{os}']", ENTRY, {"os": "x' || '1'=='1"}) == []


@pytest.mark.parametrize("text", ["a[", "starts_with(version, `1`)", "nonsense(version)"])
def test_an_invalid_expression_is_quoted_in_the_error(text):
    with pytest.raises(ValueError, match="the expression"):
        expression.find(text, ENTRY)


def test_problems_are_reported_without_data():
    assert expression.problem("a[?b=='{os}'].c") is None
    assert "Invalid jmespath expression" in expression.problem("a[")

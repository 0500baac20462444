"""The text of activation in PowerShell: quoting, plans and the script."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.kit.frozen import replace
from envmgr.ops import activation
from envmgr.shells import shim
from envmgr.shells.activation import powershell
from envmgr.shells.activation.environment_plan import Checks, EnvironmentPlan, Input
from envmgr.shells.activation.script import render_script
from support.machine.installed_tools import Toolbox

_TOKEN = re.compile(r"'((?:[^']|'')*)'|\[char\](\d+)| \+ ")


def evaluate(expression: str) -> str:
    """Return the text of an expression of single-quoted strings and UTF-16 units."""
    inner = expression[1:-1] if expression.startswith("(") else expression
    units, end = b"", 0
    for token in _TOKEN.finditer(inner):
        assert token.start() == end, expression
        end = token.end()
        text, number = token.groups()
        units += (chr(int(number)) if number else (text or "").replace("''", "'")).encode(
            "utf-16-le", "surrogatepass"
        )
    assert end == len(inner), expression
    return units.decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "''"),
        ("plain", "'plain'"),
        ("it's", "'it''s'"),
        ('$x `n "y" $(z)', "'$x `n \"y\" $(z)'"),
        ("\u2019", "('' + [char]8217 + '')"),
        ("a\nb", "('a' + [char]10 + 'b')"),
        ("😀", "('' + [char]55357 + '' + [char]56832 + '')"),
    ],
)
def test_texts_are_quoted(text, expected):
    assert powershell.quote(text) == expected


@given(st.text())
def test_a_quoted_text_is_ascii_and_evaluates_to_itself(text):
    quoted = powershell.quote(text)
    assert quoted.isascii()
    assert quoted.isprintable()
    assert evaluate(quoted) == text


def test_a_text_that_contains_what_joins_its_parts_is_one_expression():
    assert powershell.quote("a + b") == "('a + b')"


def test_a_plan_is_a_hash_table_of_pairs():
    checks = Checks(
        (Input("/p/.envmgr", 1_700_000_000_123_456_789), Input("/p/none")),
        {"A": "", "a": "x"},
        {"/dir": True},
        "/home",
        "/mark",
    )
    text = powershell.render(EnvironmentPlan("/p", ("/one",), {"HOME": "it's"}, "a\nb", checks))
    assert text.splitlines() == [
        "@{",
        "    project = '/p'",
        "    path = @('/one')",
        "    exports = @(@{ name = 'HOME'; value = 'it''s' })",
        "    note = ('a' + [char]10 + 'b')",
        "    settled = $true",
        "    mark = '/mark'",
        "    variables = @(@{ name = 'A'; value = '' }, @{ name = 'a'; value = 'x' })",
        "    inputs = @(@{ path = '/p/.envmgr'; time = '17000000001234567' }, @{ path = '/p/none'; time = '' })",
        "    directories = @(@{ path = '/dir'; exists = $true })",
        "}",
    ]


def test_the_script_is_ascii_and_has_no_markers(tmp_path):
    context = replace(shim.shim_context(Toolbox(tmp_path / "naïve").paths), python="/it's/python")
    text = render_script(activation.shell_named("pwsh"), context)
    assert text.isascii()
    assert "    Python = '/it''s/python'\n" in text
    assert not re.search(r"@[A-Z]+@", text)

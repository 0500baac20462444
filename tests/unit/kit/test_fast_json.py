"""JSON is parsed as by `json`, without importing it."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.kit import fast_json

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


def outcome(loads, text: str):
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        return str(error)


@given(documents, st.sampled_from(["", " \n\t\r"]), st.booleans())
def test_documents_are_parsed_as_by_json(document, blanks, ascii_only):
    text = f"{blanks}{json.dumps(document, ensure_ascii=ascii_only, indent=len(blanks) or None)}{blanks}"
    assert fast_json.loads(text) == document


@given(st.text('{}[]",:01e.-+ \n\\utrfalsn\u00a0\x0b', max_size=12))
def test_invalid_documents_are_rejected_as_by_json(text):
    assert repr(outcome(fast_json.loads, text)) == repr(outcome(json.loads, text))


@pytest.mark.parametrize("text", ["", " ", "{} x", "[1,]", '{"a"}', '"\n"', '"\\ud800', "nul", "\ufeff{}"])
def test_errors_equal_those_of_json(text):
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    with pytest.raises(json.JSONDecodeError) as caught:
        fast_json.loads(text)
    assert str(caught.value) == str(expected.value)


def test_constants_equal_those_of_json():
    assert fast_json.loads("[Infinity, -Infinity]") == [math.inf, -math.inf]
    assert math.isnan(fast_json.loads("NaN"))


def test_members_are_passed_to_the_hook():
    assert fast_json.loads('{"a": 1, "a": {"b": 2}}', lambda pairs: pairs) == [("a", 1), ("a", [("b", 2)])]


def test_errors_of_the_hook_pass_through():
    def refuse(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fast_json.loads("{}", refuse)


def test_long_numbers_and_deep_nesting_are_rejected_as_by_json():
    with pytest.raises(ValueError, match="4300"):
        fast_json.loads("1" * 5000)
    with pytest.raises(RecursionError):
        fast_json.loads("[" * 100_000)


def test_without_the_c_scanner_json_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "_json", None)
    assert fast_json.loads('{"a": [1]}') == {"a": [1]}


def run_without_json(code: str) -> list[str]:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="the scanner is CPython's")
def test_reading_imports_neither_json_nor_re():
    code = (
        "from envmgr.kit import fast_json; fast_json.loads('{}'); print(*({'json', 're'} & set(sys.modules)))"
    )
    assert run_without_json(code) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", '{"a"}', '"\n"', '["x', '"\\ud800', "nul", '[{"a": [1, 2}]', "1 2"]
)
def test_errors_equal_those_of_json_even_if_it_is_not_imported(text):
    code = f"""
from envmgr.kit import fast_json
try: fast_json.loads({text!r})
except ValueError as error: print(type(error).__name__)
"""
    assert run_without_json(code) == ["JSONDecodeError"]


def test_an_invalid_file_does_not_affect_the_next():
    code = (
        "from envmgr.kit import fast_json\n"
        "for text in ('{', '[1, {\"a\": }]'):\n"
        "    try: fast_json.loads(text)\n"
        "    except ValueError: pass\n"
        "print(fast_json.loads('7'))"
    )
    assert run_without_json(code) == ["7"]

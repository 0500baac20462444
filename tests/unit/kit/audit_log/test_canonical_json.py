from __future__ import annotations

import json

import pytest

from envmgr.kit.audit_log.canonical_json import MAX_DEPTH, MAX_SAFE_INTEGER, canonicalize


def test_the_example_of_the_rfc_is_encoded_as_specified():
    # RFC 8785, 3.2.2 and 3.2.4, without its fractions
    value = json.loads(
        '{"numbers": [3, 4, 5], "string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
        ' "literals": [null, true, false]}'
    )
    assert canonicalize(value).decode() == (
        '{"literals":[null,true,false],"numbers":[3,4,5],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_names_are_sorted_by_utf_16_code_units_as_in_the_rfc():
    # RFC 8785, 3.2.3
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonicalize(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (-MAX_SAFE_INTEGER, "-9007199254740991"),
        ("\b\t\n\f\r\x00\x1f\x7f/", '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f/"'),
        ([], "[]"),
        ({}, "{}"),
        ({"b": {"d": 1, "c": [2]}, "a": ""}, '{"a":"","b":{"c":[2],"d":1}}'),
    ],
)
def test_values_are_written_in_their_shortest_form(value, expected):
    assert canonicalize(value) == expected.encode()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, "integers"),
        (float("nan"), "integers"),
        ({"a": [1.5]}, "float"),
        (MAX_SAFE_INTEGER + 1, "2\\^53"),
        (-MAX_SAFE_INTEGER - 1, "2\\^53"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        ({1: 2}, "key"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
    ],
)
def test_values_without_a_canonical_form_are_rejected(value, message):
    with pytest.raises(ValueError, match=message) as refusal:
        canonicalize(value)
    assert type(refusal.value) is ValueError


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_only_values_beyond_the_maximum_depth_are_rejected():
    assert canonicalize(nested(MAX_DEPTH)) == b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    with pytest.raises(ValueError, match="nesting"):
        canonicalize(nested(MAX_DEPTH + 1))
    with pytest.raises(ValueError, match="nesting"):
        canonicalize(nested(100_000))

from __future__ import annotations

import pytest

from envmgr.alm.client import fields
from envmgr.kit.errors import AlmError

WHOLE = {"text": "a", "number": 7, "part": {"x": 1}, "parts": [{"x": 1}], "texts": ["a"], "true": True}


def test_fields_of_the_expected_type_are_returned():
    assert fields.require_object(WHOLE) == WHOLE
    assert fields.get_str(WHOLE, "text") == "a"
    assert fields.get_int(WHOLE, "number") == 7
    assert fields.get_object(WHOLE, "part") == {"x": 1}
    assert fields.get_objects(WHOLE, "parts") == ({"x": 1},)
    assert fields.get_strs(WHOLE, "texts") == ("a",)


def test_a_missing_optional_field_is_none():
    for read, name in (
        (fields.get_str_or_none, "text"),
        (fields.get_int_or_none, "number"),
        (fields.get_object_or_none, "part"),
    ):
        assert read({}, name) is None
        assert read({name: None}, name) is None
        assert read(WHOLE, name) == WHOLE[name]


@pytest.mark.parametrize(
    ("read", "name", "text"),
    [
        (fields.get_str, "none", "`none` is missing"),
        (fields.get_str, "number", "`number` is a number"),
        (fields.get_str_or_none, "part", "`part` is an object"),
        (fields.get_int, "text", "`text` is text"),
        (fields.get_int, "true", "`true` is true or false"),
        (fields.get_int_or_none, "parts", "`parts` is a list"),
        (fields.get_object, "parts", "`parts` is a list"),
        (fields.get_objects, "texts", "`texts` is a list"),
        (fields.get_objects, "none", "`none` is missing"),
        (fields.get_strs, "parts", "`parts` is a list"),
        (fields.get_strs, "text", "`text` is text"),
    ],
)
def test_a_field_of_another_type_is_an_error(read, name, text):
    with pytest.raises(AlmError) as caught:
        read(WHOLE, name)
    assert text in caught.value.message
    assert "alm_url" in caught.value.hint


@pytest.mark.parametrize("response", [None, [], "x", 1.5])
def test_a_response_that_is_not_an_object_is_an_error(response):
    with pytest.raises(AlmError, match="expected an object"):
        fields.require_object(response)

from __future__ import annotations

import pytest

from envmgr.alm.client import fields
from envmgr.kit.errors import AlmError

WHOLE = {"text": "a", "number": 7, "part": {"x": 1}, "parts": [{"x": 1}], "texts": ["a"], "true": True}


def test_fields_are_what_they_must_be():
    assert fields.document(WHOLE) == WHOLE
    assert fields.text(WHOLE, "text") == "a"
    assert fields.number(WHOLE, "number") == 7
    assert fields.part(WHOLE, "part") == {"x": 1}
    assert fields.parts(WHOLE, "parts") == ({"x": 1},)
    assert fields.texts(WHOLE, "texts") == ("a",)


def test_fields_that_may_be_missing_are_none_then():
    for read, name in (
        (fields.text_or_none, "text"),
        (fields.number_or_none, "number"),
        (fields.part_or_none, "part"),
    ):
        assert read({}, name) is None
        assert read({name: None}, name) is None
        assert read(WHOLE, name) == WHOLE[name]


@pytest.mark.parametrize(
    ("read", "name", "said"),
    [
        (fields.text, "none", "`none` is missing"),
        (fields.text, "number", "`number` is a number"),
        (fields.text_or_none, "part", "`part` is an object"),
        (fields.number, "text", "`text` is text"),
        (fields.number, "true", "`true` is true or false"),
        (fields.number_or_none, "parts", "`parts` is a list"),
        (fields.part, "parts", "`parts` is a list"),
        (fields.parts, "texts", "`texts` is a list"),
        (fields.parts, "none", "`none` is missing"),
        (fields.texts, "parts", "`parts` is a list"),
        (fields.texts, "text", "`text` is text"),
    ],
)
def test_a_field_that_is_something_else_is_said(read, name, said):
    with pytest.raises(AlmError) as caught:
        read(WHOLE, name)
    assert said in caught.value.message
    assert "alm_url" in caught.value.hint


@pytest.mark.parametrize("answer", [None, [], "x", 1.5])
def test_an_answer_that_is_no_object_is_said(answer):
    with pytest.raises(AlmError, match="an object was expected"):
        fields.document(answer)

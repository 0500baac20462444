"""Tags, as the client and the server take them, and on their way through addresses."""

from __future__ import annotations

import posixpath
from urllib.parse import quote, unquote

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from envmgr.alm.refs import TagRef, is_tag, parse
from envmgr.server.contracts.fields import Tag

TEXTS = st.one_of(
    st.lists(st.sampled_from(["/", ".", "..", "lock", "a", "-", "@", ":", "\n", "/lock", "1.0"])).map(
        "".join
    ),
    st.text(max_size=140),
)
TAGS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+@:/-]{0,127}", fullmatch=True).filter(is_tag)


def taken(tag):
    try:
        return msgspec.convert(tag, Tag) == tag
    except msgspec.ValidationError:
        return False


@given(TEXTS)
@example("a" * 129)
def test_the_client_takes_for_a_tag_what_the_server_takes(text):
    assert is_tag(text) is taken(text)


@given(TAGS)
def test_no_tag_is_another_one_after_its_way_through_an_address(tag):
    path = f"/versions/{tag}"
    assert posixpath.normpath(path) == path
    assert unquote(quote(tag, safe="")) == tag
    assert not path.endswith("/lock") or tag == "lock"


@given(TAGS)
def test_every_tag_can_be_named_on_the_command_line(tag):
    assert parse(f"shop@{tag}") == TagRef("shop", tag)

"""Tags: the same rules in client and server, and their encoding in URLs."""

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


def is_accepted(tag):
    try:
        return msgspec.convert(tag, Tag) == tag
    except msgspec.ValidationError:
        return False


@given(TEXTS)
@example("a" * 129)
def test_client_and_server_accept_the_same_tags(text):
    assert is_tag(text) is is_accepted(text)


@given(TAGS)
def test_a_tag_is_unchanged_by_its_encoding_in_a_url(tag):
    path = f"/versions/{tag}"
    assert posixpath.normpath(path) == path
    assert unquote(quote(tag, safe="")) == tag
    assert not path.endswith("/lock") or tag == "lock"


@given(TAGS)
def test_every_tag_can_be_passed_on_the_command_line(tag):
    assert parse(f"shop@{tag}") == TagRef("shop", tag)

from __future__ import annotations

import json
import re

import msgspec

from envmgr.server.bootstrap.api_document import OPENAPI_PATH
from envmgr.server.contracts.fields import Tag

TAGS = ["1.4.0", "v2.0.0-rc.1+b:7@x", "release/3.0", "sub/v1.0.0", "a/b/c", "a/.b", "a/...", "a/b..", "a/-b"]
TAGS += ["lock", "lock/a", "a/lock/b", "a/lock.1", "a/unlock", "t" * 128, f"{'t' * 63}/{'t' * 64}"]
NO_TAGS = ["", "/", "/a", "a/", "a//b", "a/./b", "a/../b", "a/.", "a/..", "./a", "../a", "a/lock", "a/b/lock"]
NO_TAGS += [
    "-a",
    "_/a",
    "a b",
    "a\n",
    "a/b\n",
    "a/lock\n",
    "a/\n",
    "a\\b",
    "a/é",
    "t" * 129,
    "a,b",
    "a%2Fb",
    "a?b",
]


def is_accepted(tag):
    try:
        return msgspec.convert(tag, Tag) == tag
    except msgspec.ValidationError:
        return False


def test_a_tag_may_have_slashes_between_its_parts():
    assert [tag for tag in TAGS if not is_accepted(tag)] == []
    assert [tag for tag in NO_TAGS if is_accepted(tag)] == []


def test_the_documented_patterns_equal_the_enforced_ones():
    with open(OPENAPI_PATH, "rb") as file:
        described = json.load(file)
    (path,) = (
        parameter["schema"]
        for parameter in described["paths"]["/apps/{app}/versions/{tag}"]["get"]["parameters"]
        if parameter.get("name") == "tag"
    )
    for schema in (path, described["components"]["schemas"]["AppVersionCreate"]["properties"]["tag"]):
        assert (schema["type"], schema["maxLength"]) == ("string", 128)
        # ECMAScript's `$` is the very end.
        pattern = re.compile(schema["pattern"].replace("$", r"\Z"))
        assert [tag for tag in TAGS if not pattern.search(tag)] == []
        assert [tag for tag in NO_TAGS if pattern.search(tag)] == []

from __future__ import annotations

import pytest

from envmgr.alm.client.link_header import next_query


@pytest.mark.parametrize(
    ("header", "query"),
    [
        ('</apps?limit=50&cursor=abc>; rel="next"', {"limit": "50", "cursor": "abc"}),
        ("<https://inner:8080/apps?cursor=a%3Db>; rel=next", {"cursor": "a=b"}),
        ('</a?x=1>; rel="prev", </a?x=3>; rel="next"', {"x": "3"}),
        ('</a?x=1,2>; title="a, b"; rel="last next"', {"x": "1,2"}),
        ('</a?app=>; REL="Next"', {"app": ""}),
        ('</a?x=1>; rel="nextish"', None),
        ('</a?x=1>; title="rel=next"', None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_next_page_is_the_target_of_the_link(header, query):
    assert next_query(header) == query

"""The newest version among several tags of a commit names the build; ambiguous tags do not."""

from __future__ import annotations

from itertools import permutations

import pytest

from envmgr.alm.push.git_tags import GitTag, select


def light(*names):
    return [GitTag(name) for name in names]


def winners(tags):
    return {select(order).winner for order in permutations(tags)}


@pytest.mark.parametrize(
    ("names", "winner"),
    [
        (("1.0",), "1.0"),
        (("nightly",), "nightly"),
        (("1.9", "1.10"), "1.10"),
        (("1.9", "1.10", "1.11"), "1.11"),
        (("v1.9.0", "v1.10.0", "v1.2.0"), "v1.10.0"),
        (("v2.0.0-rc.2", "v2.0.0", "v2.0.0-rc.10"), "v2.0.0"),
        (("2.0-rc9", "2.0-rc10"), "2.0-rc10"),
        (("web/v1.9.0", "web/v1.10.0"), "web/v1.10.0"),
        (("latest", "1.4.0", "stable"), "1.4.0"),
        (("v1", "v1.2", "v1.2.3"), "v1.2.3"),
        (("1.0.0+1", "1.0.0+10", "1.0.0+9"), "1.0.0+10"),
    ],
)
def test_the_highest_version_is_chosen_in_any_order(names, winner):
    assert winners(light(*names)) == {winner}


@pytest.mark.parametrize(
    "names",
    [
        ("api/v1.0.0", "web/v2.0.0"),
        ("v1.0.0", "web/v2.0.0"),
        ("v1.0.0", "1.0.0"),
        ("latest", "stable"),
    ],
)
def test_tags_without_a_highest_version_are_unclear(names):
    assert winners(light(*names)) == {None}
    assert set(select(light(*names)).candidates) == set(names)


def test_a_lower_version_that_was_created_later_is_unclear():
    assert select([GitTag("1.10", 100), GitTag("1.9", 200)]).winner is None
    assert select([GitTag("1.10", 200), GitTag("1.9", 100)]).winner == "1.10"
    assert select([GitTag("1.10", 100), GitTag("1.9", 100)]).winner == "1.10"


def test_of_equal_versions_the_newest_created_is_chosen_and_an_annotated_one_before_a_lightweight_one():
    assert winners([GitTag("v1.0.0", 100), GitTag("1.0.0", 200)]) == {"1.0.0"}
    assert winners([GitTag("v1.0.0", 100), GitTag("1.0.0")]) == {"v1.0.0"}
    assert winners([GitTag("v1.0.0", 100), GitTag("1.0.0", 100)]) == {None}


def test_a_moving_tag_may_be_created_after_the_version_that_it_follows():
    assert select([GitTag("v1.2.3", 100), GitTag("v1", 200), GitTag("v1.2", 200)]).winner == "v1.2.3"


def test_the_only_annotated_name_is_chosen_before_lightweight_ones():
    assert winners([GitTag("harvest", 100), GitTag("latest"), GitTag("tmp")]) == {"harvest"}
    assert winners([GitTag("harvest", 100), GitTag("spring", 200)]) == {None}


def test_candidates_are_in_version_order_best_first():
    assert select(light("1.9", "1.11", "latest", "1.10")).candidates == ("1.11", "1.10", "1.9", "latest")


def test_without_tags_none_is_chosen():
    assert select([]).winner is None

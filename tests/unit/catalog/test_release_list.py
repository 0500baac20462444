from __future__ import annotations

import pytest

from envmgr.catalog import release_list
from envmgr.catalog.release import Release


def made(*versions, **more):
    return release_list.make([Release(version, f"v{version}") for version in versions], **more)


def test_releases_come_oldest_first_each_once():
    assert made("1.10", "1.9", "1.9", "1.10-rc1").versions == ("1.9", "1.10-rc1", "1.10")


def test_an_explicit_order_is_preserved():
    assert made("b", "a", "1.0", in_order=True).versions == ("b", "a", "1.0")


@pytest.mark.parametrize("version", ["../etc", "a/b", "a\\b", ".hidden", "-flag", ""])
def test_what_could_be_no_folder_is_left_out(version):
    assert made("1.0", version).versions == ("1.0",)


def test_long_term_support_names_become_aliases_of_the_newest_of_each():
    releases = [
        Release("18.1.0", "v18.1.0", lts="Hydrogen"),
        Release("18.2.0", "v18.2.0", lts="Hydrogen"),
        Release("20.1.0", "v20.1.0", lts="Iron"),
        Release("20.2.0-rc.1", "v20.2.0-rc.1", lts="Iron", prerelease=True),
        Release("20.3.0", "v20.3.0", lts="Iron", withdrawn=True),
        Release("21.0.0", "v21.0.0"),
    ]
    assert release_list.make(releases).aliases == {
        "lts": "20.1.0",
        "lts/hydrogen": "18.2.0",
        "lts/iron": "20.1.0",
    }


def test_a_list_that_marks_long_term_support_without_names_has_the_one_alias():
    assert release_list.make([Release("21", "21", lts="lts")]).aliases == {"lts": "21"}


def test_aliases_of_the_list_are_preserved():
    assert made("1.0", aliases={"stable": "1.0"}).aliases == {"stable": "1.0"}

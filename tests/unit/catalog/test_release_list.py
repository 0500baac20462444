from __future__ import annotations

import pytest

from envmgr.catalog import release_list
from envmgr.catalog.release import Release


def make_listing(*versions, **more):
    return release_list.make([Release(version, f"v{version}") for version in versions], **more)


def test_releases_are_listed_oldest_first_without_duplicates():
    assert make_listing("1.10", "1.9", "1.9", "1.10-rc1").versions == ("1.9", "1.10-rc1", "1.10")


def test_an_explicit_order_is_preserved():
    assert make_listing("b", "a", "1.0", in_order=True).versions == ("b", "a", "1.0")


@pytest.mark.parametrize("version", ["../etc", "a/b", "a\\b", ".hidden", "-flag", ""])
def test_versions_that_are_not_valid_directory_names_are_skipped(version):
    assert make_listing("1.0", version).versions == ("1.0",)


def test_lts_names_are_aliases_of_their_newest_release():
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


def test_unnamed_lts_releases_have_the_alias_lts():
    assert release_list.make([Release("21", "21", lts="lts")]).aliases == {"lts": "21"}


def test_aliases_of_the_list_are_preserved():
    assert make_listing("1.0", aliases={"stable": "1.0"}).aliases == {"stable": "1.0"}

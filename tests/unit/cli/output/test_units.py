from __future__ import annotations

import pytest

from envmgr.cli.output import units


@pytest.mark.parametrize(
    ("count", "formatted"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (58.3 * 1024**2, "58.3 MiB"),
        (5 * 1024**5, "5120.0 TiB"),
    ],
)
def test_sizes_are_formatted_in_a_suitable_unit(count, formatted):
    assert units.size(count) == formatted


def test_a_part_is_formatted_in_the_unit_of_its_total():
    assert units.part(512 * 1024, 10 * 1024**2) == "0.5/10.0 MiB"
    assert units.part(3, 10) == "3/10 B"


@pytest.mark.parametrize(
    ("seconds", "formatted"),
    [(0, "0s"), (90, "90s"), (120, "2m"), (3600, "1h"), (36 * 3600, "36h"), (7 * 86400, "7d")],
)
def test_durations_are_formatted_as_in_settings(seconds, formatted):
    assert units.duration(seconds) == formatted


def test_a_count_of_one_is_singular():
    assert [units.count_of(number, "tool") for number in (0, 1, 2)] == ["0 tools", "1 tool", "2 tools"]


def test_a_list_of_names_ends_in_a_count():
    assert units.abbreviate_names(["a"]) == "a"
    assert units.abbreviate_names(["a", "b", "c"]) == "a, b, c"
    assert units.abbreviate_names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"

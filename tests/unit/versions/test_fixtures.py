"""The fixtures in tests/data/semver that apply to envmgr (its README lists the others)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envmgr import versions

DATA = Path(__file__).parents[2] / "data" / "semver"
UNBINDING = {"strict-only", "tool-grammar"}
RANGES = ["range-include", "range-exclude"]
SIDES = ["version-gt-range", "version-lt-range", "version-not-gt-range", "version-not-lt-range"]


def load(name):
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def binding_rows(name):
    rows = [row for row in load(name)["rows"] if UNBINDING.isdisjoint(row.get("tags", ()))]
    assert rows
    return rows


def includes(row):
    return row["options"].get("includePrerelease", False)


def is_inside(row):
    return versions.satisfies(row["version"], row["range"], includes(row))


def or_none(compute):
    try:
        return compute()
    except ValueError:
        return None


@pytest.mark.parametrize("name", RANGES)
def test_a_version_is_inside_or_outside_a_range_as_in_npm(name):
    assert [row for row in binding_rows(name) if is_inside(row) is not row["expected"]] == []


@pytest.mark.parametrize("name", SIDES)
def test_a_version_next_to_a_range_is_inside_only_as_in_npm(name):
    assert [row for row in binding_rows(name) if is_inside(row) is not row["satisfies"]] == []


def test_ranges_are_valid_as_in_npm():
    def parses(row):
        return or_none(lambda: versions.parse_spec(row["range"])) is not None

    wrong = [row for row in binding_rows("range-parse") if parses(row) is (row["expected"] is None)]

    assert wrong == []


def test_ranges_match_the_same_versions_as_in_npm():
    probes = load("range-parse")["probe_versions"]

    def truth(row):
        return "".join("01"[versions.satisfies(probe, row["range"], includes(row))] for probe in probes)

    wrong = [row for row in binding_rows("range-parse") if "probes" in row and truth(row) != row["probes"]]

    assert wrong == []


@pytest.mark.parametrize("name", ["comparisons", "equality"])
def test_versions_compare_as_in_npm(name):
    def both(row):
        return (
            versions.compare(row["version"], row["other"]),
            versions.compare(row["other"], row["version"]),
        )

    assert [row for row in binding_rows(name) if both(row) != (row["expected"], -row["expected"])] == []


def test_valid_versions_are_parsed_as_in_npm():
    def parts(row):
        version = versions.parse(row["version"])
        return {
            **dict(zip(("major", "minor", "patch"), version.numbers, strict=True)),
            "prerelease": [int(part) if part.isdigit() else part for part in version.pre],
            "build": list(version.build),
        }

    assert [row for row in binding_rows("valid-versions") if parts(row) != row["expected"]] == []


def test_an_invalid_version_is_opaque_and_outside_every_range():
    rows = binding_rows("invalid-versions")

    assert [row for row in rows if not versions.parse(row["version"]).is_opaque] == []
    assert [row for row in rows if versions.satisfies(row["version"], "*")] == []


ANSWERS = {
    "max_satisfying": lambda row: versions.max_satisfying(
        row["versions"], row["range"], includes(row), row["options"].get("aliases")
    ),
    "satisfies": is_inside,
    "compare": lambda row: versions.compare(row["version"], row["other"]),
    "compare_build": lambda row: versions.compare_build(row["version"], row["other"]),
    "classify": lambda row: list(versions.classify(row["range"])),
}


@pytest.mark.parametrize("name", ["max-satisfying", "tool_versions"])
def test_worked_examples_give_the_documented_results(name):
    default = load(name).get("op")

    def evaluate(row):
        return or_none(lambda: ANSWERS[row.get("op", default)](row))

    assert [row for row in binding_rows(name) if evaluate(row) != row["expected"]] == []

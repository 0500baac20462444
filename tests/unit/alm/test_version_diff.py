from __future__ import annotations

import pytest

from envmgr.alm.version_diff import Change, compare


def version(number, tools=(), artifacts=(), *, lock="sha256:aa", commit="3f2c1ab"):
    return {
        "id": number,
        "app": "shop",
        "tag": f"1.{number}",
        "commit": commit,
        "toolchain": {
            "lock_digest": lock,
            "tools": [
                {"tool": tool, "version": result, "requests": list(requests), "platforms": ["linux-x64"]}
                for tool, result, *requests in tools
            ],
        },
        "artifacts": [{"name": name, "digest": digest} for name, digest in artifacts],
    }


def tools(before, after):
    return compare(version(1, before), version(2, after)).tools


def test_tools_are_added_removed_and_changed():
    before = [("python", "3.11.7", "3.11"), ("zig", "0.12.0", "0.12"), ("same", "1.0.0", "1")]
    after = [("python", "3.11.9", "3.11"), ("go", "1.22.0", "^1"), ("same", "1.0.0", "1")]
    assert tools(before, after) == (
        Change("go", None, "1.22.0"),
        Change("python", "3.11.7", "3.11.9", "up"),
        Change("zig", "0.12.0", None),
    )
    assert [change.kind for change in tools(before, after)] == ["added", "changed", "removed"]


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ("20.11.0", "20.9.1", "down"),
        ("1.9", "1.10", "up"),
        ("master", "1.0", ""),
        ("temurin-21.0.1", "zulu-21.0.2", ""),
        ("21.0.2+12", "21.0.2+13", "up"),
    ],
)
def test_a_change_has_a_direction_if_versions_are_comparable(before, after, direction):
    (change,) = tools([("tool", before, "x")], [("tool", after, "x")])
    assert change == Change("tool", before, after, direction)


def test_several_versions_of_a_tool_are_paired_by_their_requests():
    before = [("node", "18.1.0", "18"), ("node", "20.1.0", "20"), ("node", "21.0.0", "21")]
    after = [("node", "20.2.0", "20"), ("node", "18.2.0", "18"), ("node", "21.0.0", "21")]
    assert tools(before, after) == (
        Change("node", "18.1.0", "18.2.0", "up"),
        Change("node", "20.1.0", "20.2.0", "up"),
    )


def test_a_version_without_a_counterpart_is_added_or_removed():
    before = [("node", "18.1.0", "18")]
    after = [("node", "20.2.0", "20"), ("node", "22.0.0", "22")]
    assert tools(before, after) == (
        Change("node", "18.1.0", None),
        Change("node", None, "20.2.0"),
        Change("node", None, "22.0.0"),
    )


def test_a_single_version_on_each_side_is_a_change_despite_other_requests():
    assert tools([("node", "18.1.0", "18")], [("node", "20.0.0", "20")]) == (
        Change("node", "18.1.0", "20.0.0", "up"),
    )


def test_artifacts_are_compared_by_their_digests():
    result = compare(
        version(1, artifacts=[("image", "sha256:1"), ("old", "sha256:2"), ("same", "sha256:3")]),
        version(2, artifacts=[("image", "sha256:9"), ("new", "sha256:4"), ("same", "sha256:3")]),
    )
    assert [(item.name, item.kind) for item in result.artifacts] == [
        ("image", "changed"),
        ("new", "added"),
        ("old", "removed"),
    ]


def test_a_side_may_be_missing():
    result = compare(None, version(2, [("node", "20.0.0", "20")], [("image", "sha256:cc")]))
    assert result.before is None
    assert result.after is not None
    assert (result.tools, result.artifacts) == ((), ())
    assert result.has_different_lock
    assert not result.is_same_version


def test_a_version_without_a_lock_has_no_tools_to_compare():
    locked, unlocked = version(1, [("node", "20.0.0", "20")]), version(2, lock=None)
    assert compare(unlocked, locked).tools == compare(locked, unlocked).tools == ()


def test_the_same_version_differs_from_an_equal_one():
    assert compare(version(1), version(1)).is_same_version
    assert not compare(version(1), version(2)).is_same_version
    assert compare(None, None).is_same_version


def test_locks_may_differ_though_all_versions_are_the_same():
    result = compare(version(1, lock="sha256:aa"), version(2, lock="sha256:bb"))
    assert result.tools == ()
    assert result.has_different_lock
    assert not compare(version(1), version(2)).has_different_lock

"""The same inputs yield the same lock, byte for byte, and any lock is read or rejected."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.kit.digest import LENGTHS, Digest
from envmgr.kit.errors import DigestMismatch, LockfileError
from envmgr.kit.platform import DEFAULT_PLATFORMS
from envmgr.lockformat.model import EMPTY, Artifact, Locked, Lockfile
from envmgr.lockformat.names import key
from envmgr.lockformat.writer import render
from envmgr.project.lockfile import diff, prune, record_digest, with_release
from envmgr.project.lockfile_io import parse

PATH = "/p/.envmgr.lock"
PLATFORMS = [platform.key for platform in DEFAULT_PLATFORMS]

tools = st.sampled_from(["nodejs", "python", "npm:@s/n", "npm:n", "pypi:X.y", "a", "aa"])
specs = st.sampled_from(["1", "^20.1", ">=1, <2", "latest", "temurin@21", "lts/iron", "1 || 2"])
versions = st.sampled_from(["1.0.0", "1.0.1", "20.19.5", "3.12.4+20240726", "temurin-21", "1"])
urls = st.sampled_from(
    ["https://example.org/a?b=c&d=%22", "http://x/\\", "npm:@s/n/1", "pypi:x/y.whl", "file:///x"]
)
digests = st.builds(
    lambda name, number: Digest(name, f"{number:0{LENGTHS[name]}x}"),
    st.sampled_from(sorted(LENGTHS)),
    st.integers(0, 9),
)
sizes = st.none() | st.integers(0, 2**53 - 1)
artifacts = st.builds(Artifact, urls, st.none() | digests, sizes)
plugins = st.sampled_from(["sha256:" + "a" * 64, "sha256:" + "b" * 64])
signatures = st.dictionaries(st.sampled_from(["key", "issuer"]), st.text(max_size=5)).map(
    lambda fields: {"kind": "minisign", **fields}
)


@st.composite
def releases(draw: st.DrawFn) -> Locked:
    values = draw(st.dictionaries(st.sampled_from(PLATFORMS), artifacts, max_size=3))
    signed = draw(st.sets(st.sampled_from(sorted(values)))) if values else set()
    return Locked(draw(plugins), values, {platform: draw(signatures) for platform in sorted(signed)})


@st.composite
def locks(draw: st.DrawFn) -> Lockfile:
    """Draw a lock in which every request resolves to an existing version."""
    values = draw(
        st.dictionaries(tools, st.dictionaries(versions, releases(), min_size=1, max_size=2), max_size=2)
    )
    requests = {
        key(tool, spec): draw(st.sampled_from(sorted(tool_versions)))
        for tool, tool_versions in values.items()
        for spec in sorted(draw(st.sets(specs, max_size=2)))
    }
    return Lockfile(requests, values)


def upstream(tool: str, version: str, platform: str, *, published: bool) -> Artifact:
    """Return an archive as an upstream publishes it, the same for every caller."""
    digest = Digest(
        "sha256", f"{abs(hash((len(tool), len(version), PLATFORMS.index(platform)))) % 16**8:064x}"
    )
    return Artifact(f"https://example.org/{tool}/{version}/{platform}", digest if published else None)


def release(tool: str, version: str, platforms: list[str], *, published: bool = True) -> Locked:
    values = {platform: upstream(tool, version, platform, published=published) for platform in platforms}
    return Locked("sha256:" + "a" * 64, values)


@given(locks())
def test_a_written_lock_is_read_back_unchanged(lock):
    text = render(lock)
    assert parse(text, PATH) == lock
    assert render(parse(text, PATH)) == text


@given(locks())
def test_a_lock_is_json_indented_by_two_with_one_final_line_feed(lock):
    text = render(lock)
    assert list(json.loads(text)) == ["lockfile", "resolved", "tools"]
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert "\r" not in text
    assert "\t" not in text
    assert all((len(line) - len(line.lstrip(" "))) % 2 == 0 for line in text.splitlines())


@given(locks())
def test_names_are_sorted_on_every_level(lock):
    document = json.loads(render(lock))
    objects = [document["resolved"], document["tools"], *document["tools"].values()]
    objects += [
        item["artifacts"] for tool_versions in document["tools"].values() for item in tool_versions.values()
    ]
    assert all(list(table) == sorted(table) for table in objects)


@given(locks(), st.randoms(use_true_random=False))
def test_the_order_of_maps_does_not_affect_the_lock(lock, random):
    def shuffled(value):
        if not isinstance(value, dict):
            return value
        names = list(value)
        random.shuffle(names)
        return {name: shuffled(value[name]) for name in names}

    mixed = {
        tool: {
            v: Locked(item.plugin, shuffled(item.artifacts), shuffled(item.signatures))
            for v, item in tool_versions.items()
        }
        for tool, tool_versions in lock.tools.items()
    }
    assert render(Lockfile(shuffled(lock.resolved), shuffled(mixed))) == render(lock)


request_lists = st.lists(st.tuples(tools, specs, versions), unique_by=lambda item: item[:2], max_size=6)


@given(request_lists, st.randoms(use_true_random=False))
def test_the_order_of_installations_does_not_affect_the_lock(items, random):
    def locked(order):
        lock = EMPTY
        for tool, spec, version in order:
            lock = with_release(lock, key(tool, spec), version, tool, release(tool, version, PLATFORMS))
        return render(lock)

    mixed = random.sample(items, len(items))
    assert locked(mixed) == locked(items)


@pytest.mark.parametrize("platform", PLATFORMS)
@given(request_lists)
def test_the_installing_platform_does_not_affect_the_lock(platform, items):
    lock = EMPTY
    for tool, spec, version in items:
        lock = with_release(lock, key(tool, spec), version, tool, release(tool, version, PLATFORMS))
    installed = lock
    for tool, _, version in items:
        digest = upstream(tool, version, platform, published=True).digest
        installed = record_digest(installed, tool, version, platform, digest, 1234)
    assert render(installed) == render(lock)


@given(st.permutations(PLATFORMS))
def test_learned_digests_are_independent_of_the_order_of_platforms(order):
    def record_digests(platforms):
        lock = with_release(EMPTY, "x@1", "1.0.0", "x", release("x", "1.0.0", PLATFORMS, published=False))
        for platform in platforms:
            digest = upstream("x", "1.0.0", platform, published=True).digest
            lock = record_digest(lock, "x", "1.0.0", platform, digest, 5)
        return lock

    assert render(record_digests(order)) == render(record_digests(PLATFORMS))
    relocked = with_release(
        record_digests(order), "x@1", "1.0.0", "x", release("x", "1.0.0", PLATFORMS, published=False)
    )
    assert relocked == record_digests(order)


@given(st.permutations(PLATFORMS), st.integers(1, 8))
def test_fewer_platforms_remove_no_artifacts(order, count):
    wide = with_release(EMPTY, "x@1", "1.0.0", "x", release("x", "1.0.0", PLATFORMS))
    narrow = with_release(wide, "x@1", "1.0.0", "x", release("x", "1.0.0", order[:count]))
    assert narrow == wide


@given(locks(), tools, specs, versions, releases())
def test_adding_a_release_again_changes_nothing(lock, tool, spec, version, locked):
    try:
        once = with_release(lock, key(tool, spec), version, tool, locked)
    except (DigestMismatch, LockfileError):
        return
    assert once.version_of(key(tool, spec)) == version
    assert with_release(once, key(tool, spec), version, tool, locked) == once
    assert parse(render(once), PATH) == once


@given(locks(), st.data())
def test_pruning_keeps_only_requested_versions(lock, data):
    keys = data.draw(st.sets(st.sampled_from(sorted(lock.resolved) or ["x@1"])))
    pruned = prune(lock, keys)
    assert pruned.resolved == {k: v for k, v in lock.resolved.items() if k in keys}
    assert all(pruned.tools.values())
    assert parse(render(pruned), PATH) == pruned
    assert prune(pruned, keys) == pruned


@given(locks(), locks())
def test_the_diff_is_empty_only_for_equal_locks(item, other):
    assert (diff(item, other) == ()) == (item == other)
    assert diff(item, item) == ()
    assert len(set(diff(item, other))) == len(diff(item, other))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1.0.0", "sha256:" + "a" * 64]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "lockfile",
                    "resolved",
                    "tools",
                    "x",
                    "x@1",
                    "1.0.0",
                    "plugin",
                    "artifacts",
                    "linux-x64",
                    "url",
                    "sha256",
                    "size",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def read(text: str) -> Lockfile | LockfileError:
    try:
        return parse(text, PATH)
    except LockfileError as error:
        return error


def is_read_or_refused(text: str) -> bool:
    """Return whether a text is a lock that is written and read back, or an error with location and hint."""
    result = read(text)
    if isinstance(result, LockfileError):
        return result.message.startswith(f"{PATH}:") and bool(result.hint)
    return bool(result.seed) or parse(render(result), PATH) == result


@given(json_values)
def test_any_json_is_read_or_rejected(value):
    assert is_read_or_refused(json.dumps(value))
    assert is_read_or_refused(json.dumps({"lockfile": 1, "resolved": {}, "tools": {"x": {"1.0.0": value}}}))


@given(st.text())
def test_any_text_is_read_or_rejected(text):
    assert is_read_or_refused(text)


@given(locks(), st.data())
def test_a_damaged_lock_is_read_or_rejected(lock, data):
    text = render(lock)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    assert is_read_or_refused(text[:start] + data.draw(st.text(max_size=6)) + text[end:])


@given(locks(), st.data())
def test_a_value_of_another_type_is_rejected(lock, data):
    document = json.loads(render(lock))
    node, steps = document, data.draw(st.integers(0, 5))
    name = data.draw(st.sampled_from(sorted(node)))
    for _ in range(steps):
        if not isinstance(node[name], dict) or not node[name]:
            break
        node = node[name]
        name = data.draw(st.sampled_from(sorted(node)))
    node[name] = data.draw(st.sampled_from([None, [], [1], 1.5, False]))
    with pytest.raises(LockfileError):
        parse(json.dumps(document), PATH)

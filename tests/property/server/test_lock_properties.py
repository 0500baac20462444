"""Client and server read the same from a lock, or both reject it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from envmgr.kit.digest import LENGTHS, Digest
from envmgr.kit.errors import LockfileError
from envmgr.lockformat.model import Artifact, Locked, Lockfile
from envmgr.lockformat.names import key, split_key
from envmgr.lockformat.writer import render
from envmgr.project.lockfile_io import parse
from envmgr.server.contracts.problems import InvalidLock
from envmgr.server.version.domain.lock_parser import read

tools = st.sampled_from(["nodejs", "npm:@s/n", "npm:n", "pypi:X.y", "a", "github:cli/cli", "c++"])
specs = st.sampled_from(["1", "^20.1", ">=1, <2", "latest", "temurin@21", "lts/iron", "1 || 2"])
versions = st.sampled_from(["1.0.0", "1.0.1", "20.19.5", "3.12.4+20240726", "temurin-21", "master"])
platforms = st.sampled_from(["linux-x64", "linux-arm64-musl", "windows-x64", "macos-arm64"])
urls = st.sampled_from(
    ["https://e.org", "https://e.org/a?b=c&d=%22", "http://x/@y", "npm:@s/n/1", "pypi:x/y.whl", "file:///x"]
)
digests = st.builds(
    lambda name, number: Digest(name, f"{number:0{LENGTHS[name]}x}"),
    st.sampled_from(sorted(LENGTHS)),
    st.integers(0, 9),
)
artifacts = st.builds(Artifact, urls, st.none() | digests, st.none() | st.integers(0, 2**53 - 1))
signatures = st.dictionaries(platforms, st.just({"kind": "minisign", "key": "ü"}), max_size=1)
releases = st.builds(
    lambda by_platform, signed: Locked(
        f"sha256:{'a' * 64}",
        by_platform,
        {name: value for name, value in signed.items() if name in by_platform},
    ),
    st.dictionaries(platforms, artifacts, max_size=3),
    signatures,
)


@st.composite
def locks(draw: st.DrawFn) -> Lockfile:
    """Draw a lock in which every request resolves to an existing version."""
    by_platform = draw(
        st.dictionaries(tools, st.dictionaries(versions, releases, min_size=1, max_size=3), max_size=4)
    )
    resolved = {
        key(tool, draw(specs)): version
        for tool, pinned in by_platform.items()
        for version in pinned
        if draw(st.booleans())
    }
    return Lockfile(resolved, by_platform)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["lockfile", "tools", "resolved", "go", "1.0", "plugin", "artifacts", "url"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(locks())
def test_the_server_reads_what_the_client_writes(lock):
    matches = {(item.tool, item.version): item for item in read(render(lock))}
    assert matches.keys() == {(tool, version) for tool, pinned in lock.tools.items() for version in pinned}
    for (tool, version), item in matches.items():
        assert set(item.platforms) == lock.tools[tool][version].artifacts.keys()
        requests = {request for request, pinned in lock.resolved.items() if pinned == version}
        assert set(item.requests) == {request for request in requests if split_key(request)[0] == tool}


def agree(text: str) -> None:
    """Check that client and server both reject a text, or read the same tools from it."""
    try:
        lock = parse(text, ".envmgr.lock")
    except LockfileError:
        with pytest.raises(InvalidLock):
            read(text)
        return
    pins = lock.seed.items() or [(tool, v) for tool, pinned in lock.tools.items() for v in pinned]
    assert sorted((tool.tool, tool.version) for tool in read(text)) == sorted(pins)


@given(values)
@example({"lockfile": 1, "resolved": {}, "tools": {}})
@example({"go": "1.0"})
@example({"lockfile": 1.0})
def test_client_and_server_agree_on_any_json(value):
    agree(json.dumps(value))


@given(locks(), st.data())
def test_client_and_server_agree_on_a_modified_lock(lock, data):
    text = render(lock)
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 8)))
    agree(text[:begin] + data.draw(st.text('"{}[]:,aA1@ü\x00\n', max_size=3)) + text[end:])


@given(locks())
def test_the_order_of_members_does_not_matter(lock):
    text = render(lock)
    mixed = json.dumps(json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs))))
    assert read(mixed) == read(text)

"""Locks that every reader must accept, and invalid ones that every reader rejects with the same error."""

from __future__ import annotations

import json

from envmgr.kit.digest import Digest
from envmgr.lockformat.limits import MAX_BYTES, MAX_RELEASES
from envmgr.lockformat.model import EMPTY, Artifact, Locked
from envmgr.lockformat.writer import render
from envmgr.project.lockfile import with_release

A = "a" * 64
PLUGIN = f"sha256:{A}"
ARTIFACTS = {
    "linux-x64": Artifact("https://example.org/x", Digest("sha256", A), 1),
    "linux-x64-musl": Artifact("npm:@s/n/1", Digest("sha512", "b" * 128)),
    "freebsd-x64": Artifact("pypi:x/y.whl", None, 0),
}
LOCK = with_release(
    EMPTY,
    "npm:@s/n@>=1, <2",
    "1.0.0",
    "npm:@s/n",
    Locked(PLUGIN, ARTIFACTS, {"linux-x64": {"kind": "k", "key": "é"}}),
)


def with_artifact(**fields: object) -> str:
    """Return a lock with other fields in its only archive."""
    return _with_artifacts({"linux-x64": {"url": "https://example.org/x", **fields}})


def with_platform(platform: str) -> str:
    """Return a lock with its only archive for another platform."""
    return _with_artifacts({platform: {"url": "https://example.org/x"}})


def _with_artifacts(artifacts: dict[str, object]) -> str:
    entry = {"plugin": PLUGIN, "artifacts": artifacts}
    return json.dumps({"lockfile": 1, "resolved": {"x@1": "1"}, "tools": {"x": {"1": entry}}})


GOOD_LOCKS = [
    "{}",
    '{"lockfile": 1}',
    '{"nodejs": "20.1.0", "npm:@s/n": "1"}',
    json.dumps({f"t{n}": "1" for n in range(MAX_RELEASES)}),
    render(LOCK),
    "\ufeff" + render(LOCK),
    render(LOCK).replace("\n", "\r\n"),
    json.dumps(json.loads(render(LOCK))),
    with_artifact(url="https://example.org"),
    with_artifact(url="http://example.org/@y"),
    with_artifact(url="file:///x"),
    with_artifact(url="file://host/x"),
    with_artifact(size=2**53 - 1),
    with_artifact(signature={"kind": "k", "issuer": ""}),
    with_platform("plan9-riscv64"),
]

BAD_LOCKS = [
    ("", ".envmgr.lock: is empty", "envmgr lock"),
    (" \n", ".envmgr.lock: is empty", "envmgr lock"),
    ('{\n<<<<<<< HEAD\n  "a": 1\n', ".envmgr.lock:2: unresolved merge conflict", "git checkout --ours"),
    ("{\n}\n>>>>>>> branch\n", ".envmgr.lock:3: unresolved merge conflict", "envmgr lock"),
    (render(LOCK)[:-30], ": truncated", "envmgr lock"),
    ('{"nodejs": "20', ": truncated", "envmgr lock"),
    ('{\n  "a": 1,,\n}', ".envmgr.lock:2:10: invalid JSON", "envmgr lock"),
    (
        '{"a": NaN}',
        ": a: not a lockfile: no `lockfile` version at the top, and NaN is not a version",
        "envmgr lock",
    ),
    ("[]", ": expected an object, got a list", "envmgr lock"),
    ("nodejs=20", ":1:1: invalid JSON", "envmgr lock"),
    ("[" * 100_000, ": nested too deeply", "envmgr lock"),
    ('{"a": ' + "[" * 500 + "]" * 500 + "}", "a list is not a version", "envmgr lock"),
    ('{"lockfile": ' + "1" * 5000 + "}", "number too long", "envmgr lock"),
    ('{"a": "1", "a": "2"}', 'duplicate key "a"', "envmgr lock"),
    (
        '{"lockfile": 2}',
        "lockfile: format 2 was written by a newer envmgr; the latest supported format is 1",
        "update",
    ),
    ('{"lockfile": "1"}', ': lockfile: invalid lockfile format "1"', "envmgr lock"),
    ('{"lockfile": 0}', ": lockfile: invalid lockfile format 0", "envmgr lock"),
    ('{"lockfile": true}', ": lockfile: invalid lockfile format true", "envmgr lock"),
    ('{"lockfile": 1, "other": 1}', ': unknown field "other"', "envmgr lock"),
    ('{"nodejs": 20}', ": nodejs: not a lockfile", '"nodejs": "20.1.0"'),
    ('{"Node": "20"}', ': invalid key "Node"', "envmgr lock"),
    ('{"nodejs": "../x"}', ': nodejs: invalid version "../x"', "envmgr lock"),
    ('{"lockfile": 1, "resolved": []}', ": resolved: expected an object, got a list", "envmgr lock"),
    ('{"lockfile": 1, "resolved": {"x": "1"}}', ': resolved: invalid key "x"', "envmgr lock"),
    ('{"lockfile": 1, "resolved": {"x@": "1"}}', ': resolved: invalid key "x@"', "envmgr lock"),
    ('{"lockfile": 1, "resolved": {"x@\\u001b[2J": "1"}}', 'invalid key "x@\\u001b[2J"', "envmgr lock"),
    ('{"lockfile": 1, "resolved": {"x@1": 1}}', ': resolved."x@1": expected a string, got 1', "envmgr lock"),
    (
        '{"lockfile": 1, "resolved": {"x@1": "1"}}',
        ': resolved."x@1": 1 is not a locked version of x',
        "envmgr lock",
    ),
    ('{"lockfile": 1, "tools": {"x": 1}}', ": tools.x: expected an object, got 1", "envmgr lock"),
    ('{"lockfile": 1, "tools": {"x": {".": {}}}}', ': tools.x: invalid key "."', "envmgr lock"),
    (
        '{"lockfile": 1, "tools": {"x": {"1.0": {}}}}',
        ': tools.x."1.0": missing field "plugin"',
        "envmgr lock",
    ),
    (
        '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "' + A + '", "artifacts": {}}}}}',
        'plugin: invalid manifest digest "aaaa',
        "envmgr lock",
    ),
    (
        '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "sha256:x", "artifacts": {}}}}}',
        'invalid sha256 digest "x"',
        "envmgr lock",
    ),
    (
        '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "' + PLUGIN + '", "artifacts": {"x": {}}}}}}',
        'artifacts: invalid key "x"',
        "envmgr lock",
    ),
    (
        '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "' + PLUGIN + '", "artifacts": {"a-b": {}}}}}}',
        '"a-b": missing field "url"',
        "envmgr lock",
    ),
    (with_artifact(url=1), '"linux-x64".url: expected a string, got 1', "envmgr lock"),
    (
        with_artifact(url="ftp://x/y"),
        "url: URL scheme must be one of https, http, file, pypi, npm",
        "envmgr lock",
    ),
    (with_artifact(url="https://u:p@x/y"), "url: URL contains credentials", "envmgr lock"),
    (with_artifact(md5="x"), 'unknown field "md5"', "envmgr lock"),
    (
        with_artifact(sha256=A, sha512="b" * 128),
        "more than one digest (sha256, sha512)",
        "envmgr lock",
    ),
    (with_artifact(sha256="x"), 'sha256: invalid sha256 digest "x"', "envmgr lock"),
    (with_artifact(sha256=A.upper()), "expected lower-case hexadecimal", "envmgr lock"),
    (with_artifact(sha256=f"sha512:{'b' * 128}"), "expected lower-case hexadecimal", "envmgr lock"),
    (with_artifact(sha256=1), "sha256: expected a string, got 1", "envmgr lock"),
    (with_artifact(size=-1), "size: invalid size -1: expected a number of bytes", "envmgr lock"),
    (with_artifact(size=None), "size: invalid size null", "envmgr lock"),
    (with_artifact(signature=None), "signature: expected an object, got null", "envmgr lock"),
    (with_artifact(size=1.5), "size: invalid size 1.5", "envmgr lock"),
    (with_artifact(size=True), "size: invalid size true", "envmgr lock"),
    (with_artifact(size=2**53), "size: invalid size", "envmgr lock"),
    (with_artifact(signature={}), 'signature: missing field "kind"', "envmgr lock"),
    (with_artifact(signature={"kind": 1}), "signature.kind: expected a string, got 1", "envmgr lock"),
    (with_artifact(signature={"a b": "x"}), 'signature: invalid key "a b"', "envmgr lock"),
    ('{"lockfile": 1, "resolved": {"x@' + "1" * 1025 + '": "1"}}', ": resolved: invalid key", "envmgr lock"),
    ('{"\\ud800": "1"}', ': invalid key "\\ud800"', "envmgr lock"),
    ('{"' + "a" * 201 + '": "1"}', ": invalid key", "envmgr lock"),
    ('{"lockfile": 1.0}', ": lockfile: invalid lockfile format 1.0", "envmgr lock"),
    (with_artifact(size=1.0), "size: invalid size 1.0", "envmgr lock"),
    (with_artifact(url="https://example.org/x y"), "url: URL is not a valid URL", "envmgr lock"),
    (with_artifact(url="https://example.org/x\n"), "url: URL is not a valid URL", "envmgr lock"),
    (with_artifact(url="https://example.org/" + "x" * 4096), "url: URL is not a valid URL", "envmgr lock"),
    (with_artifact(url="https:///x"), "url: URL has no host", "envmgr lock"),
    (with_artifact(url="file://"), "url: URL has no path", "envmgr lock"),
    (with_artifact(url="npm:"), "url: URL has no release path", "envmgr lock"),
    (with_artifact(signature={"kind": "\ud800"}), "signature.kind: lone surrogate", "envmgr lock"),
    (with_platform("linux-64"), 'artifacts: invalid key "linux-64"', "envmgr lock"),
    (with_platform("a-" + "b" * 60), "artifacts: invalid key", "envmgr lock"),
    ('{"ü": "' + "ü" * (MAX_BYTES // 2) + '"}', ": exceeds 5 MiB", "remove tools"),
    (
        json.dumps({f"t{n}": "1" for n in range(MAX_RELEASES + 1)}),
        ": more than 2,000 tool versions",
        "remove tools",
    ),
]
"""Text, part of the message, part of the hint."""

"""Reading locks: strictly, and with errors that say where and what to run."""

from __future__ import annotations

import json

import pytest

from envmgr.catalog.release import Artifact
from envmgr.kit.digest import Digest
from envmgr.kit.errors import LockfileError
from envmgr.project.lockfile import EMPTY, Locked, Lockfile, render, with_release
from envmgr.project.lockfile_parser import parse

PATH = "/p/.envmgr.lock"
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


def refused(text: str) -> LockfileError:
    with pytest.raises(LockfileError) as caught:
        parse(text, PATH)
    assert caught.value.message.startswith(f"{PATH}:")
    assert caught.value.hint
    assert len(caught.value.message) < 300
    return caught.value


def with_artifact(**fields: object) -> str:
    entry = {"plugin": PLUGIN, "artifacts": {"linux-x64": {"url": "https://example.org/x", **fields}}}
    return json.dumps({"lockfile": 1, "resolved": {"x@1": "1"}, "tools": {"x": {"1": entry}}})


def test_what_was_written_is_read_back():
    assert parse(render(LOCK), PATH) == LOCK


@pytest.mark.parametrize(
    "text",
    ["\ufeff" + render(LOCK), render(LOCK).replace("\n", "\r\n"), json.dumps(json.loads(render(LOCK)))],
)
def test_other_spellings_of_the_same_are_read(text):
    assert parse(text, PATH) == LOCK


def test_the_simple_form_is_read_as_what_to_prefer():
    assert parse('{"nodejs": "20.1.0", "npm:@s/n": "1"}', PATH) == Lockfile(
        seed={"nodejs": "20.1.0", "npm:@s/n": "1"}
    )
    assert parse("{}", PATH) == EMPTY
    assert parse('{"lockfile": 1}', PATH) == EMPTY


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", ": is empty", "envmgr lock"),
        (" \n", ": is empty", "envmgr lock"),
        ('{\n<<<<<<< HEAD\n  "a": 1\n', ":2: a merge conflict was left here", "git checkout --ours"),
        ("{\n}\n>>>>>>> branch\n", ":3: a merge conflict", "envmgr lock"),
        (render(LOCK)[:-30], "the file was cut off", "envmgr lock"),
        ('{"nodejs": "20', "the file was cut off", "envmgr lock"),
        ('{\n  "a": 1,,\n}', ":2:10: is not JSON", "envmgr lock"),
        ('{"a": NaN}', ": a: NaN is no version", "envmgr lock"),
        ("[]", ": a list is not an object", "envmgr lock"),
        ("nodejs=20", ":1:1: is not JSON", "envmgr lock"),
        ("[" * 100_000, ": is nested too deeply", "envmgr lock"),
        ('{"a": ' + "[" * 500 + "]" * 500 + "}", ": a: a list is no version", "envmgr lock"),
        ('{"lockfile": ' + "1" * 5000 + "}", "too long", "envmgr lock"),
        ('{"a": "1", "a": "2"}', 'has "a" twice', "envmgr lock"),
        ('{"lockfile": 2}', "format 2 was written by a newer envmgr, this one reads 1", "update envmgr"),
        ('{"lockfile": "1"}', ': lockfile: "1" is not the number', "envmgr lock"),
        ('{"lockfile": 0}', ": lockfile: 0 is not", "envmgr lock"),
        ('{"lockfile": true}', ": lockfile: true is not", "envmgr lock"),
        ('{"lockfile": 1, "other": 1}', ': has a field "other"', "envmgr lock"),
        ('{"nodejs": 20}', ": nodejs: 20 is no version", '"nodejs": "20.1.0"'),
        ('{"Node": "20"}', ': "Node" cannot stand here', "envmgr lock"),
        ('{"nodejs": "../x"}', ': nodejs: "../x" cannot be a version', "envmgr lock"),
        ('{"lockfile": 1, "resolved": []}', ": resolved: a list is not an object", "envmgr lock"),
        ('{"lockfile": 1, "resolved": {"x": "1"}}', ': resolved: "x" cannot stand here', "envmgr lock"),
        ('{"lockfile": 1, "resolved": {"x@": "1"}}', ': resolved: "x@" cannot stand here', "envmgr lock"),
        ('{"lockfile": 1, "resolved": {"x@\\u001b[2J": "1"}}', "cannot stand here", "envmgr lock"),
        ('{"lockfile": 1, "resolved": {"x@1": 1}}', ': resolved."x@1": 1 is not a string', "envmgr lock"),
        (
            '{"lockfile": 1, "resolved": {"x@1": "1"}}',
            ': resolved."x@1": 1 is not among the versions of x',
            "envmgr lock",
        ),
        ('{"lockfile": 1, "tools": {"x": 1}}', ": tools.x: 1 is not an object", "envmgr lock"),
        ('{"lockfile": 1, "tools": {"x": {".": {}}}}', ': tools.x: "." cannot stand here', "envmgr lock"),
        ('{"lockfile": 1, "tools": {"x": {"1.0": {}}}}', ': tools.x."1.0": has no plugin', "envmgr lock"),
        (
            '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "' + A + '", "artifacts": {}}}}}',
            'plugin: "aaaa',
            "envmgr lock",
        ),
        (
            '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "sha256:x", "artifacts": {}}}}}',
            "not a sha256 digest",
            "envmgr lock",
        ),
        (
            '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "' + PLUGIN + '", "artifacts": {"x": {}}}}}}',
            '"x" cannot stand',
            "envmgr lock",
        ),
        (
            '{"lockfile": 1, "tools": {"x": {"1": {"plugin": "' + PLUGIN + '", "artifacts": {"a-b": {}}}}}}',
            '"a-b": has no url',
            "envmgr lock",
        ),
        (with_artifact(url=1), '"linux-x64".url: 1 is not a string', "envmgr lock"),
        (with_artifact(url="ftp://x/y"), "url: the URL is none of https, http", "envmgr lock"),
        (with_artifact(url="https://u:p@x/y"), "url: the URL holds credentials", "envmgr lock"),
        (with_artifact(md5="x"), 'has a field "md5"', "envmgr lock"),
        (
            with_artifact(sha256=A, sha512="b" * 128),
            "has sha256 and sha512, where one digest is meant",
            "envmgr lock",
        ),
        (with_artifact(sha256="x"), 'sha256: "x" is not a sha256 digest', "envmgr lock"),
        (with_artifact(sha256=A.upper()), "as locks spell it", "envmgr lock"),
        (with_artifact(sha256=f"sha512:{'b' * 128}"), "as locks spell it", "envmgr lock"),
        (with_artifact(sha256=1), "sha256: 1 is not a string", "envmgr lock"),
        (with_artifact(size=-1), "size: -1 is not a number of bytes", "envmgr lock"),
        (with_artifact(size=None), "size: null is not", "envmgr lock"),
        (with_artifact(signature=None), "signature: null is not an object", "envmgr lock"),
        (with_artifact(size=1.5), "size: 1.5 is not", "envmgr lock"),
        (with_artifact(size=True), "size: true is not", "envmgr lock"),
        (with_artifact(size=2**53), "is not a number of bytes", "envmgr lock"),
        (with_artifact(signature={}), "signature: has no kind", "envmgr lock"),
        (with_artifact(signature={"kind": 1}), "signature.kind: 1 is not a string", "envmgr lock"),
        (with_artifact(signature={"a b": "x"}), 'signature: "a b" cannot stand here', "envmgr lock"),
    ],
)
def test_a_bad_lock_is_refused_with_the_place_and_the_way_out(text, message, hint):
    error = refused(text)
    assert message in error.message
    assert hint in str(error.hint)


def test_a_digest_is_spelled_without_its_algorithm():
    refused(with_artifact(sha512=f"sha512:{'b' * 128}"))
    refused(with_artifact(sha256=PLUGIN))


def test_credentials_are_not_repeated():
    assert "secret" not in refused(with_artifact(url="https://u:secret@x/y")).message


def test_every_cut_is_noticed():
    text = render(LOCK)
    for length in range(1, len(text) - 1):
        refused(text[:length])

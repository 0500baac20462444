from __future__ import annotations

import hashlib
import json

import pytest

from envmgr.server.contracts.resources import LockedTool
from envmgr.server.version.domain.lock_parser import MAX_TOOLS, check_digest, digest_of, read
from envmgr.server.version.domain.version_model import InvalidLock, LockDigestMismatch
from support.versions import lock

A = "a" * 64


def changed(change):
    """Write a good lock, changed."""
    document = json.loads(lock("nodejs@20.19.5"))
    change(document)
    return json.dumps(document)


def locked(document):
    return document["tools"]["nodejs"]["20.19.5"]


def archive(document):
    return locked(document)["artifacts"]["linux-x64"]


def test_tools_come_with_what_asked_for_them_and_their_platforms():
    text = json.dumps(
        {
            "lockfile": 1,
            "resolved": {
                "python@3.12": "3.12.4",
                "nodejs@^20.1": "20.19.5",
                "nodejs@>=20, <21": "20.19.5",
                "npm:@scope/name@^1": "1.0.0",
            },
            "tools": {
                "python": {"3.12.4": {"plugin": f"sha256:{A}", "artifacts": {}}},
                "npm:@scope/name": {"1.0.0": {"plugin": f"sha256:{A}", "artifacts": {}}},
                "nodejs": {
                    "20.19.5": {
                        "plugin": f"sha256:{A}",
                        "artifacts": {
                            "windows-x64": {"url": "https://e.org/w", "sha256": A, "size": 1},
                            "linux-x64-musl": {
                                "url": "https://e.org/m",
                                "signature": {"kind": "minisign", "key": "K"},
                            },
                        },
                    },
                    "3.0.0": {"plugin": f"sha256:{A}", "artifacts": {}},
                },
            },
        }
    )
    assert read(text) == (
        LockedTool(tool="nodejs", version="3.0.0", requests=(), platforms=()),
        LockedTool(
            tool="nodejs",
            version="20.19.5",
            requests=("nodejs@>=20, <21", "nodejs@^20.1"),
            platforms=("linux-x64-musl", "windows-x64"),
        ),
        LockedTool(tool="npm:@scope/name", version="1.0.0", requests=("npm:@scope/name@^1",), platforms=()),
        LockedTool(tool="python", version="3.12.4", requests=("python@3.12",), platforms=()),
    )


def test_the_simple_form_pins_tools_too():
    assert read('{"nodejs": "20.1.0", "go": "1.22"}') == (
        LockedTool(tool="go", version="1.22", requests=(), platforms=()),
        LockedTool(tool="nodejs", version="20.1.0", requests=(), platforms=()),
    )


def test_a_byte_order_mark_is_read_over_but_digested():
    text = "\ufeff" + lock("go@1.22.0")
    assert read(text) == read(text[1:])
    assert digest_of(text) != digest_of(text[1:])


def test_the_digest_is_of_the_text_as_it_was_sent():
    text = lock("go@1.22.0") + "\n"
    assert digest_of(text) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_digest_that_comes_along_must_be_the_locks(algorithm):
    text = lock("go@1.22.0")
    check_digest(text, None)
    check_digest(text, digest_of(text, algorithm))
    sent = digest_of("other", algorithm)
    with pytest.raises(LockDigestMismatch) as caught:
        check_digest(text, sent)
    assert caught.value.members == {"submitted_digest": sent, "computed": digest_of(text, algorithm)}
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("{", "is not JSON"),
        ("[]", "a list is not an object"),
        ("<<<<<<< HEAD", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"lockfile": NaN}', "NaN is no number"),
        (f'{{"lockfile": {"9" * 5_000}}}', "is not JSON"),
        ('{"go": "1", "go": "2"}', '"go" twice'),
        ('{"go": 1}', "go: 1 is not a version"),
        ('{"go": "../x"}', 'go: "../x" is not a version'),
        ('{"Go": "1"}', '"Go" is not the name of a tool'),
        ('{"\\ud800": "1"}', "is not the name of a tool"),
        (f'{{"{"a" * 201}": "1"}}', "is not the name of a tool"),
        ('{"lockfile": true}', "lockfile: true is not the number of a format"),
        ('{"lockfile": 0}', "lockfile: 0 is not the number of a format"),
        ('{"lockfile": 2}', "lockfile: format 2 was written by a newer envmgr"),
        ('{"lockfile": 1, "extra": 1}', 'a field "extra"'),
        ('{"lockfile": 1, "tools": []}', "tools: a list is not an object"),
        ('{"lockfile": 1, "tools": {"go": "1"}}', 'tools.go: "1" is not an object'),
        ('{"lockfile": 1, "resolved": {"go": "1"}}', 'resolved: "go" is not a request'),
        ('{"lockfile": 1, "resolved": {"go@1 ": "1"}}', 'resolved: "go@1 " is not a request'),
        (
            '{"lockfile": 1, "resolved": {"go@1": "1.0"}}',
            'resolved."go@1": 1.0 is not among the versions of go',
        ),
    ],
)
def test_what_is_no_lock_is_refused_with_the_place(text, said):
    with pytest.raises(InvalidLock) as caught:
        read(text)
    assert said in caught.value.detail
    assert caught.value.status == 422
    assert [pointer for pointer, _ in caught.value.errors] == ["/toolchain/lock"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: locked(d).pop("plugin"), 'tools.nodejs."20.19.5": Object missing required field `plugin`'),
        (lambda d: locked(d).update(plugin="sha256:x"), 'tools.nodejs."20.19.5".plugin: '),
        (lambda d: locked(d).update(more=1), "unknown field `more`"),
        (
            lambda d: locked(d).update(artifacts={"Linux": {}}),
            '."20.19.5".artifacts: "Linux" is not the name of a platform',
        ),
        (lambda d: archive(d).update(url=1), '.artifacts."linux-x64".url: Expected `str`, got `int`'),
        (lambda d: archive(d).update(url="https://ada:secret@e.org/x"), ".url: "),
        (lambda d: archive(d).update(url="ftp://e.org/x"), ".url: "),
        (lambda d: archive(d).update(url="https://e.org/x y"), ".url: "),
        (lambda d: archive(d).update(url="https://e.org/x\n"), ".url: "),
        (lambda d: archive(d).update(sha256="A" * 64), ".sha256: "),
        (lambda d: archive(d).update(sha256=A, sha1="a" * 40), "several digests"),
        (lambda d: archive(d).update(size=-1), ".size: "),
        (lambda d: archive(d).update(size=True), ".size: "),
        (lambda d: archive(d).update(signature={"key": "K"}), "a signature without a kind"),
    ],
)
def test_what_is_wrong_inside_is_named_with_its_place(change, said):
    with pytest.raises(InvalidLock) as caught:
        read(changed(change))
    assert said in caught.value.detail


def test_credentials_in_a_url_are_not_repeated():
    text = changed(lambda d: archive(d).update(url="https://ada:secret@e.org/x"))
    with pytest.raises(InvalidLock) as caught:
        read(text)
    assert "secret" not in caught.value.detail


def test_a_lock_may_pin_many_tools_but_not_without_end():
    assert len(read(lock(*(f"t{n}@1.0" for n in range(MAX_TOOLS))))) == MAX_TOOLS
    with pytest.raises(InvalidLock, match="2,001 versions"):
        read(lock(*(f"t{n}@1.0" for n in range(MAX_TOOLS + 1))))


def test_a_lock_is_no_larger_than_five_mebibytes_of_bytes():
    with pytest.raises(InvalidLock, match="more than 5 MiB"):
        read('{"ü": "' + "ü" * (5 * 2**19) + '"}')


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({**{f"t{n}": "1" for n in range(200_000)}, "T": "1"}),
        '{"lockfile": 1, "resolved": {"' + "a" * 2_000_000 + '!": "1"}}',
        changed(lambda d: locked(d).update(artifacts={"a" * 2_000_000 + "!": {}})),
        '{"go": "1", ' + ", ".join(f'"t{n}": "1"' for n in range(200_000)) + ', "go": "1"}',
    ],
    ids=["many tools", "a long request", "a long platform", "a late repetition"],
)
def test_what_is_made_to_take_long_does_not(text):
    with pytest.raises(InvalidLock):
        read(text)

from __future__ import annotations

import hashlib
import json

import pytest

from envmgr.kit.errors import LockfileError
from envmgr.project import lockfile_io
from envmgr.server.contracts.problems import InvalidLock, LockDigestMismatch
from envmgr.server.contracts.resources import LockedTool
from envmgr.server.version.domain.lock_parser import check_digest, digest_of, read
from support.lock_samples import BAD_LOCKS, GOOD_LOCKS, with_artifact
from support.services.version_fixtures import lock

A = "a" * 64


def test_tools_are_parsed_with_their_requests_and_platforms():
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


def test_the_simple_form_pins_tools():
    assert read('{"nodejs": "20.1.0", "go": "1.22"}') == (
        LockedTool(tool="go", version="1.22", requests=(), platforms=()),
        LockedTool(tool="nodejs", version="20.1.0", requests=(), platforms=()),
    )


def test_a_byte_order_mark_is_skipped_but_digested():
    text = "\ufeff" + lock("go@1.22.0")
    assert read(text) == read(text[1:])
    assert digest_of(text) != digest_of(text[1:])


def test_the_digest_covers_the_text_as_sent():
    text = lock("go@1.22.0") + "\n"
    assert digest_of(text) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_submitted_digest_must_match_the_lock(algorithm):
    text = lock("go@1.22.0")
    check_digest(text, None)
    check_digest(text, digest_of(text, algorithm))
    submitted_digest = digest_of("other", algorithm)
    with pytest.raises(LockDigestMismatch) as caught:
        check_digest(text, submitted_digest)
    assert caught.value.members == {
        "submitted_digest": submitted_digest,
        "computed": digest_of(text, algorithm),
    }
    assert caught.value.status == 422


def test_a_digest_of_other_line_endings_is_explained():
    text = f"{lock('go@1.22.0')}\n"
    for other in (text.replace("\n", "\r\n"), text.rstrip("\n")):
        with pytest.raises(LockDigestMismatch, match=r"only line endings or a byte order mark differ"):
            check_digest(other, digest_of(text))
        with pytest.raises(LockDigestMismatch, match=r"only line endings or a byte order mark differ"):
            check_digest(text, digest_of(other))
    with pytest.raises(LockDigestMismatch) as caught:
        check_digest(text, digest_of("other"))
    assert "line endings" not in caught.value.detail


def by_client(text: str) -> tuple[str, str]:
    """Return the client's error and hint."""
    with pytest.raises(LockfileError) as caught:
        lockfile_io.parse(text, ".envmgr.lock")
    return caught.value.message, str(caught.value.hint)


def by_server(text: str) -> tuple[str, str]:
    """Return the server's error and hint."""
    with pytest.raises(InvalidLock) as caught:
        read(text)
    assert caught.value.status == 422
    assert [pointer for pointer, _ in caught.value.errors] == ["/toolchain/lock"]
    message, _, hint = caught.value.detail.rpartition("; ")
    return message, hint


@pytest.mark.parametrize("refuse", [by_client, by_server])
@pytest.mark.parametrize(("text", "message", "hint"), BAD_LOCKS)
def test_client_and_server_reject_the_same_locks_with_position_and_hint(refuse, text, message, hint):
    error, way_out = refuse(text)
    assert error.startswith(".envmgr.lock:")
    assert message in error
    assert hint in way_out


@pytest.mark.parametrize("text", GOOD_LOCKS)
def test_client_and_server_accept_the_same_locks(text):
    lock = lockfile_io.parse(text, ".envmgr.lock")
    pinned = lock.seed.items() or [(tool, v) for tool, versions in lock.tools.items() for v in versions]
    assert sorted((tool.tool, tool.version) for tool in read(text)) == sorted(pinned)


def test_a_newer_format_names_the_side_to_update():
    assert "pipx upgrade" in by_client('{"lockfile": 2}')[1]
    assert by_server('{"lockfile": 2}')[1] == "update this server"


def test_credentials_in_a_url_are_redacted():
    assert "secret" not in by_server(with_artifact(url="https://ada:secret@e.org/x"))[0]

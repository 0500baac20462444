"""Locks as values: resolution, changes and formatting."""

from __future__ import annotations

import pytest

from envmgr.kit.digest import Digest
from envmgr.kit.errors import DigestMismatch, LockfileError
from envmgr.lockformat.model import EMPTY, Artifact, Locked, Lockfile
from envmgr.lockformat.names import key
from envmgr.lockformat.urls import url_problem
from envmgr.lockformat.writer import render
from envmgr.project.lockfile import check_digests, diff, prune, record_digest, with_release

A, B = "a" * 64, "b" * 64
PLUGIN, OTHER_PLUGIN = f"sha256:{A}", f"sha256:{B}"
URL = "https://example.org/x.tar.gz"


def artifact(
    digest: str | None = A, size: int | None = 1, url: str = URL, algorithm: str = "sha256"
) -> Artifact:
    return Artifact(url, Digest(algorithm, digest) if digest else None, size)


def locked(plugin: str = PLUGIN, signatures: dict | None = None, **platforms: Artifact) -> Locked:
    return Locked(
        plugin, {name.replace("_", "-"): platform for name, platform in platforms.items()}, signatures or {}
    )


def lock_of(entry: Locked) -> Lockfile:
    return with_release(EMPTY, "x@1", "1.0.0", "x", entry)


def artifacts_of(lock: Lockfile) -> dict[str, Artifact]:
    return dict(lock.tools["x"]["1.0.0"].artifacts)


def test_the_format_matches_the_specification():
    lock = EMPTY
    for tool, spec, version in (("python", "3.12", "3.12.11"), ("nodejs", "^20.1", "20.19.5")):
        url = f"https://example.org/{tool}"
        entry = locked(windows_x64=artifact(None, None, f"{url}.exe"), linux_x64=artifact(B, 24512345, url))
        lock = with_release(lock, key(tool, spec), version, tool, entry)
    assert (
        render(lock)
        == f"""\
{{
  "lockfile": 1,
  "resolved": {{
    "nodejs@^20.1": "20.19.5",
    "python@3.12": "3.12.11"
  }},
  "tools": {{
    "nodejs": {{
      "20.19.5": {{
        "plugin": "{PLUGIN}",
        "artifacts": {{
          "linux-x64": {{"url": "https://example.org/nodejs", "sha256": "{B}", "size": 24512345}},
          "windows-x64": {{"url": "https://example.org/nodejs.exe"}}
        }}
      }}
    }},
    "python": {{
      "3.12.11": {{
        "plugin": "{PLUGIN}",
        "artifacts": {{
          "linux-x64": {{"url": "https://example.org/python", "sha256": "{B}", "size": 24512345}},
          "windows-x64": {{"url": "https://example.org/python.exe"}}
        }}
      }}
    }}
  }}
}}
"""
    )


def test_an_empty_lock_is_formatted_too():
    assert render(EMPTY) == '{\n  "lockfile": 1,\n  "resolved": {},\n  "tools": {}\n}\n'


def test_other_algorithms_and_signatures_are_formatted_with_their_names():
    signature = {"key": "k", "kind": "minisign"}
    text = render(
        lock_of(
            locked(
                linux_x64=artifact("c" * 128, None, algorithm="sha512"), signatures={"linux-x64": signature}
            )
        )
    )
    assert f'"sha512": "{"c" * 128}", "signature": {{"kind": "minisign", "key": "k"}}}}' in text
    assert '"sha256": ' not in text


def test_a_lock_resolves_requests_versions_and_platforms():
    lock = lock_of(locked(linux_x64=artifact(), macos_arm64=artifact()))
    assert (lock.version_of("x@1"), lock.version_of("x@2")) == ("1.0.0", None)
    assert lock.find("x", "1.0.0") == lock.tools["x"]["1.0.0"]
    assert lock.find("x", "2") is lock.find("y", "1") is None
    assert lock.platforms == ("linux-x64", "macos-arm64")


def test_adding_a_release_does_not_change_the_original_lock():
    before = lock_of(locked(linux_x64=artifact()))
    text = render(before)
    after = with_release(before, "x@2", "2.0.0", "x", locked(linux_x64=artifact()))
    assert render(before) == text
    assert set(after.tools["x"]) == {"1.0.0", "2.0.0"}


def test_platforms_in_the_file_stay_for_the_same_version_and_manifest():
    lock = lock_of(locked(linux_x64=artifact(), macos_x64=artifact()))
    again = with_release(lock, "x@1", "1.0.0", "x", locked(linux_x64=artifact()))
    assert set(artifacts_of(again)) == {"linux-x64", "macos-x64"}
    other = with_release(lock, "x@1", "1.0.0", "x", locked(OTHER_PLUGIN, linux_x64=artifact()))
    assert set(artifacts_of(other)) == {"linux-x64"}


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (artifact(None, None), artifact(A, 1), artifact(A, 1)),
        (artifact(A, 1), artifact(None, None), artifact(A, 1)),
        (artifact(A, 1), artifact(A, None), artifact(A, 1)),
        (artifact(A, 1), artifact(A, 2), artifact(A, 2)),
        (artifact(A, 1), artifact("c" * 128, 2, algorithm="sha512"), artifact(A, 2)),
        (artifact(A, 1), artifact(B, 2, f"{URL}2"), artifact(B, 2, f"{URL}2")),
    ],
)
def test_the_recorded_digest_of_a_url_is_preserved(before, now, after):
    lock = with_release(lock_of(locked(linux_x64=before)), "x@1", "1.0.0", "x", locked(linux_x64=now))
    assert artifacts_of(lock)["linux-x64"] == after


@pytest.mark.parametrize("plugin", [PLUGIN, OTHER_PLUGIN])
def test_a_changed_digest_for_the_same_url_is_an_error_naming_both(plugin):
    lock = lock_of(locked(linux_x64=artifact(A)))
    with pytest.raises(DigestMismatch) as caught:
        with_release(lock, "x@1", "1.0.0", "x", locked(plugin, linux_x64=artifact(B)))
    for part in ("x 1.0.0 for linux-x64", URL, A, B):
        assert part in caught.value.message
    assert caught.value.hint


def signatures_of(key: str | None = "k", kind: str = "minisign") -> dict[str, dict[str, str]]:
    return {"linux-x64": {"kind": kind, **({"key": key} if key else {})}}


@pytest.mark.parametrize("url", [URL, f"{URL}2"])
@pytest.mark.parametrize(
    ("less", "message"),
    [
        ({}, "declares no signature"),
        (signatures_of("other"), "declares a minisign signature by other"),
        (signatures_of("k other"), "declares a minisign signature by k other"),
        (signatures_of(None), "declares a minisign signature by any key"),
        (signatures_of(kind="sigstore"), "declares a sigstore signature by k"),
    ],
)
def test_a_release_with_weaker_signature_requirements_is_rejected(less, message, url):
    lock = lock_of(locked(linux_x64=artifact(), signatures=signatures_of()))
    with pytest.raises(
        LockfileError, match=f"linux-x64: lock requires a minisign signature by k but the manifest {message}$"
    ):
        with_release(lock, "x@1", "1.0.0", "x", locked(OTHER_PLUGIN, less, linux_x64=artifact(url=url)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, signatures_of()),
        (signatures_of(), signatures_of()),
        (signatures_of("k l"), signatures_of("l")),
        (signatures_of("k l"), signatures_of("l k")),
        (signatures_of(None), signatures_of()),
    ],
)
def test_a_release_with_equal_or_stronger_signature_requirements_is_accepted(before, after):
    lock = lock_of(locked(linux_x64=artifact(), signatures=before))
    better = with_release(lock, "x@1", "1.0.0", "x", locked(OTHER_PLUGIN, after, linux_x64=artifact()))
    assert better.tools["x"]["1.0.0"].signatures == after


def test_signatures_of_remaining_platforms_are_preserved():
    entry = locked(linux_x64=artifact(), macos_x64=artifact(), signatures=signatures_of())
    again = with_release(lock_of(entry), "x@1", "1.0.0", "x", locked(macos_x64=artifact()))
    assert again == lock_of(entry)
    changed = with_release(lock_of(entry), "x@1", "1.0.0", "x", locked(OTHER_PLUGIN, macos_x64=artifact()))
    assert changed.tools["x"]["1.0.0"].signatures == {}


def test_urls_with_credentials_are_never_locked_nor_displayed():
    with pytest.raises(LockfileError, match="contains credentials") as caught:
        lock_of(locked(linux_x64=artifact(url="https://user:secret@example.org/x")))
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize(
    "url", [URL, "http://[::1]:80/x@y", "pypi:ruff/ruff-1.whl", "npm:@s/n/1.0.0", "file:///x/y"]
)
def test_allowed_urls_are_locked(url):
    assert url_problem(url) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        *((url, "scheme must be one of") for url in ("", "ftp://x/y", "HTTPS://x/y", "/x", "data:x")),
        *((url, "has no host") for url in ("https:/x", "https://", "https:///x")),
        *((url, "has no path") for url in ("file:///", "file:x")),
        *((url, "has no release path") for url in ("pypi:", "npm:")),
        *(
            (url, "is not a valid URL")
            for url in ("https://x/a b", "https://x/\n", "https://é/", f"https://x/{'y' * 5000}")
        ),
        ("https://u@x/", "credentials"),
    ],
)
def test_disallowed_urls_are_rejected(url, problem):
    assert problem in str(url_problem(url))


def test_pruning_keeps_the_versions_of_present_requests():
    lock = EMPTY
    for request, version in (
        ("x@1", "1.0.0"),
        ("x@2", "2.0.0"),
        ("x@latest", "2.0.0"),
        ("y@1", "1.0.0"),
        ("xx@1", "3"),
    ):
        tool = request.partition("@")[0]
        lock = with_release(lock, request, version, tool, locked(linux_x64=artifact()))
    pruned = prune(lock, ["x@latest", "xx@1", "z@1"])
    assert pruned.resolved == {"x@latest": "2.0.0", "xx@1": "3"}
    assert {tool: set(versions) for tool, versions in pruned.tools.items()} == {"x": {"2.0.0"}, "xx": {"3"}}
    assert prune(lock, lock.resolved) == lock
    assert prune(lock, []) == EMPTY


def test_a_learned_digest_is_recorded_once():
    lock = lock_of(locked(linux_x64=artifact(None, None), macos_x64=artifact(None, None)))
    updated = record_digest(lock, "x", "1.0.0", "linux-x64", Digest("sha256", A), 7)
    assert artifacts_of(updated) == {"linux-x64": artifact(A, 7), "macos-x64": artifact(A, 7)}
    assert record_digest(updated, "x", "1.0.0", "linux-x64", Digest("sha256", A), 7) == updated
    with pytest.raises(DigestMismatch):
        record_digest(updated, "x", "1.0.0", "linux-x64", Digest("sha256", B), 7)


def test_a_url_has_one_digest_in_a_lock():
    lock = lock_of(
        locked(linux_x64=artifact(None, None), macos_x64=artifact(A, 7), windows_x64=artifact(None, 9))
    )
    assert artifacts_of(lock) == {
        "linux-x64": artifact(A, 7),
        "macos-x64": artifact(A, 7),
        "windows-x64": artifact(A, 9),
    }
    with pytest.raises(DigestMismatch):
        lock_of(locked(linux_x64=artifact(A), macos_x64=artifact(B)))


def test_a_digest_is_recorded_for_other_tools_with_the_same_url():
    lock = lock_of(locked(linux_x64=artifact(None, None)))
    both = with_release(lock, "y@1", "1", "y", locked(linux_x64=artifact(None, None)))
    for tool, version in (("x", "1.0.0"), ("y", "1")):
        updated = record_digest(both, tool, version, "linux-x64", Digest("sha256", A), 7)
        assert updated.find("x", "1.0.0").artifacts == {"linux-x64": artifact(A, 7)}
        assert updated.find("y", "1").artifacts == {"linux-x64": artifact(A, 7)}
    recorded = record_digest(lock, "x", "1.0.0", "linux-x64", Digest("sha256", A), 7)
    added = with_release(recorded, "y@1", "1", "y", locked(macos_x64=artifact(None, None)))
    assert added.find("y", "1").artifacts == {"macos-x64": artifact(A, 7)}


def test_a_url_has_one_digest_also_for_different_tools():
    lock = lock_of(locked(linux_x64=artifact(A)))
    check_digests(with_release(lock, "y@1", "1", "y", locked(linux_x64=artifact(A))))
    check_digests(with_release(lock, "y@1", "1", "y", locked(linux_x64=artifact(B, algorithm="sha512"))))
    changed = with_release(lock, "y@1", "1", "y", locked(linux_x64=artifact(B)))
    with pytest.raises(DigestMismatch, match=f"y 1 for linux-x64: digest of {URL} changed from sha256:{A}"):
        check_digests(changed)


def test_every_algorithm_of_a_url_has_one_digest():
    artifacts = [artifact(A), artifact(A, algorithm="sha512"), artifact(B, algorithm="sha512")]
    with pytest.raises(DigestMismatch):
        lock_of(locked(**dict(zip(["a", "b", "c"], artifacts, strict=True))))


def test_a_shared_digest_does_not_depend_on_the_order_of_platforms():
    digests = {"linux_x64": artifact(A, 7), "macos_x64": artifact(B, 7, algorithm="sha512")}
    locks = [
        with_release(
            lock_of(locked(**dict(items))), "y@1", "1", "y", locked(windows_x64=artifact(None, None))
        )
        for items in (digests.items(), reversed(digests.items()))
    ]
    assert locks[0] == locks[1]
    assert locks[0].find("y", "1").artifacts == {"windows-x64": artifact(A, 7)}


def test_published_digests_are_not_replaced_by_learned_ones():
    lock = lock_of(
        locked(linux_x64=artifact(A, None), macos_x64=artifact("c" * 128, None, algorithm="sha512"))
    )
    for platform in ("linux-x64", "macos-x64"):
        assert record_digest(lock, "x", "1.0.0", platform, Digest("sha256", A), 7) == lock


@pytest.mark.parametrize(
    ("tool", "version", "platform"),
    [("y", "1.0.0", "linux-x64"), ("x", "2", "linux-x64"), ("x", "1.0.0", "macos-x64")],
)
def test_a_digest_of_an_unlocked_version_is_not_recorded(tool, version, platform):
    with pytest.raises(LockfileError, match=f"{tool} {version} for {platform} is not in the lock"):
        record_digest(lock_of(locked(linux_x64=artifact())), tool, version, platform, Digest("sha256", A), 7)


def test_locking_a_tool_removes_its_preferred_version():
    seeded = Lockfile(seed={"x": "1.0.0", "y": "2"})
    assert with_release(seeded, "x@1", "1.0.0", "x", locked(linux_x64=artifact())).seed == {"y": "2"}


def test_a_diff_is_listed_line_by_line():
    before = lock_of(locked(linux_x64=artifact(A, 1), macos_x64=artifact()))
    before = with_release(before, "y@1", "1", "y", locked(linux_x64=artifact()))
    after = Lockfile(
        {"x@1": "1.0.1", "z@3": "3"},
        {
            "x": {
                "1.0.0": locked(OTHER_PLUGIN, linux_x64=artifact(B, None), windows_x64=artifact()),
                "1.0.1": locked(),
            },
            "z": {"3": locked()},
        },
    )
    assert diff(before, after) == (
        "- y@1: 1",
        "+ z@3: 3",
        "~ x@1: 1.0.0 -> 1.0.1",
        "+ x 1.0.1",
        f"~ x 1.0.0 manifest: {PLUGIN} -> {OTHER_PLUGIN}",
        "- x 1.0.0 macos-x64",
        "+ x 1.0.0 windows-x64",
        "- x 1.0.0 linux-x64 size: 1",
        f"~ x 1.0.0 linux-x64 sha256: {A} -> {B}",
        "- y 1",
        "+ z 3",
    )
    assert diff(before, before) == ()

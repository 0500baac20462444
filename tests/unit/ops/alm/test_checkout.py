from __future__ import annotations

import hashlib
import json
import os

import pytest

from envmgr.alm.refs import TagRef
from envmgr.kit.errors import AlmError, DigestMismatch, ProjectError, StorageError
from envmgr.ops.alm.checkout import checkout
from support.alm.fake_api_client import FakeApiClient

LOCK = '{\r\n  "nodejs": "20.1.0"\n}\n'
DOTFILE = "# tools\nnodejs=^20.1\n"
SHOP = TagRef("shop", "1.4.0")


def digest_of(lock):
    return f"sha256:{hashlib.sha256(lock.encode()).hexdigest()}"


def server(lock=LOCK, dotfile=DOTFILE, *, digest=None, sent_requests=None):
    version = {
        "id": 42,
        "app": "shop",
        "tag": "1.4.0",
        "toolchain": {"lock_digest": digest or digest_of(lock), "tools": []},
    }
    return FakeApiClient(
        {
            "GET /apps/shop/versions/1.4.0": version,
            "GET /versions/42/lock": {
                "digest": digest_of(lock),
                "lock": sent_requests or lock,
                "dotfile": dotfile,
            },
        }
    )


def test_both_files_are_written_as_pushed(tmp_path):
    result = checkout(server(), SHOP, str(tmp_path), force=False)
    assert (tmp_path / ".envmgr").read_bytes() == DOTFILE.encode()
    assert (tmp_path / ".envmgr.lock").read_bytes() == LOCK.encode()
    assert result.files == result.changed == (str(tmp_path / ".envmgr"), str(tmp_path / ".envmgr.lock"))


def test_identical_files_are_not_rewritten(tmp_path):
    checkout(server(), SHOP, str(tmp_path), force=False)
    os.utime(tmp_path / ".envmgr", ns=(1, 1))
    assert checkout(server(), SHOP, str(tmp_path), force=False).changed == ()
    assert (tmp_path / ".envmgr").stat().st_mtime_ns == 1


def test_changed_files_are_named_and_preserved(tmp_path):
    (tmp_path / ".envmgr").write_text("nodejs=18\n")
    with pytest.raises(ProjectError, match=r"/\.envmgr already exists and differs from") as caught:
        checkout(server(), SHOP, str(tmp_path), force=False)
    assert "--force" in caught.value.hint
    assert caught.value.message.split("\n  ")[1:] == [
        ".envmgr: - nodejs=18",
        ".envmgr: + # tools",
        ".envmgr: + nodejs=^20.1",
    ]
    assert (tmp_path / ".envmgr").read_text() == "nodejs=18\n"
    assert not (tmp_path / ".envmgr.lock").exists()


def full_lock(version):
    entry = {"plugin": f"sha256:{'a' * 64}", "artifacts": {"linux-x64": {"url": f"https://e.org/{version}"}}}
    return json.dumps(
        {"lockfile": 1, "resolved": {"go@1": version}, "tools": {"go": {version: entry}}}, indent=2
    )


def test_entries_of_locks_that_differ_are_listed(tmp_path):
    (tmp_path / ".envmgr.lock").write_text(full_lock("1.22.0"))
    with pytest.raises(ProjectError) as caught:
        checkout(server(full_lock("1.23.0"), ""), SHOP, str(tmp_path), force=False)
    assert caught.value.message.split("\n  ")[1:] == [
        ".envmgr.lock: ~ go@1: 1.22.0 -> 1.23.0",
        ".envmgr.lock: - go 1.22.0",
        ".envmgr.lock: + go 1.23.0",
    ]


def test_many_changes_are_counted(tmp_path):
    (tmp_path / ".envmgr").write_text("".join(f"tool{number}=1\n" for number in range(30)))
    with pytest.raises(ProjectError, match=r"\.envmgr: 22 more changes$"):
        checkout(server(), SHOP, str(tmp_path), force=False)


def test_force_overwrites(tmp_path):
    (tmp_path / ".envmgr").write_text("nodejs=18\n")
    result = checkout(server(), SHOP, str(tmp_path), force=True)
    assert (tmp_path / ".envmgr").read_text() == DOTFILE
    assert len(result.changed) == 2


def test_a_lock_with_another_digest_is_not_written(tmp_path):
    with pytest.raises(DigestMismatch, match="lock digest mismatch"):
        checkout(server(sent_requests=LOCK.replace("20.1.0", "20.1.1")), SHOP, str(tmp_path), force=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lock", "dotfile"),
    [("no lock", DOTFILE), (LOCK, "no dotfile"), (LOCK, "nodejs=20\x1b[2J\n"), ('{"a": "\\ud800"}', "")],
)
def test_a_lock_that_this_client_cannot_read_is_not_written(tmp_path, lock, dotfile):
    with pytest.raises(AlmError):
        checkout(server(lock, dotfile), SHOP, str(tmp_path), force=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("digest", ["md5:abc", "sha256:zz", "x"])
def test_a_digest_that_cannot_be_verified_is_reported(tmp_path, digest):
    with pytest.raises(AlmError, match="cannot verify the lock"):
        checkout(server(digest=digest), SHOP, str(tmp_path), force=True)


def test_a_lone_surrogate_in_a_lock_cannot_be_verified(tmp_path):
    with pytest.raises(AlmError, match="cannot verify the lock"):
        checkout(server(sent_requests='{"a": "\ud800"}'), SHOP, str(tmp_path), force=True)


def test_a_version_without_a_lock_is_an_error(tmp_path):
    version = {"id": 42, "app": "shop", "tag": "1.4.0", "toolchain": {"lock_digest": None, "tools": []}}
    with pytest.raises(AlmError, match="has no lock file"):
        checkout(FakeApiClient({"GET /apps/shop/versions/1.4.0": version}), SHOP, str(tmp_path), force=False)


def test_a_lock_without_a_dotfile_is_written_alone(tmp_path):
    (tmp_path / ".envmgr").write_text("nodejs=^20\n")
    result = checkout(server(dotfile=""), SHOP, str(tmp_path), force=False)
    assert result.files == (str(tmp_path / ".envmgr.lock"),)
    assert (tmp_path / ".envmgr").read_text() == "nodejs=^20\n"


@pytest.mark.parametrize("before", [None, "nodejs=18\n"])
def test_if_one_file_cannot_be_written_the_other_is_unchanged(tmp_path, before):
    if before:
        (tmp_path / ".envmgr").write_text(before)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".envmgr.lock").symlink_to(tmp_path / "elsewhere" / "none" / "lock")
    (tmp_path / "elsewhere" / "none").write_text("a file where a directory should be")
    with pytest.raises(StorageError):
        checkout(server(), SHOP, str(tmp_path), force=True)
    dotfile = tmp_path / ".envmgr"
    assert (dotfile.read_text() if dotfile.exists() else None) == before

"""Updates of a lock: the digests of archives that tools share."""

from __future__ import annotations

import pytest

from envmgr.kit.digest import Digest
from envmgr.kit.errors import DigestMismatch
from envmgr.lockformat.model import EMPTY, Artifact, Locked
from envmgr.project import dotfile
from envmgr.resolve import lock_update
from envmgr.resolve.lock_update import Pin

URL = "https://example.org/x.tar.gz"


def pin(tool, version, digest, url=URL):
    artifact = Artifact(url, Digest("sha256", digest * 64), 1)
    return Pin(tool, "latest", version, Locked("sha256:aa", {"linux-x64": artifact}))


def apply(lock, *pins):
    text = "".join(f"{tool}=latest\n" for tool in ("x", "y"))
    return lock_update.apply(lock, pins, dotfile.parse(text, ".envmgr"))


def test_two_tools_with_one_url_and_different_digests_are_an_error():
    with pytest.raises(DigestMismatch, match=f"y 2 for linux-x64: digest of {URL} changed"):
        apply(EMPTY, pin("x", "1", "a"), pin("y", "2", "b"))


def test_two_tools_may_have_the_same_archive():
    lock = apply(EMPTY, pin("x", "1", "a"), pin("y", "2", "a"))
    assert lock.tools["x"]["1"].artifacts == lock.tools["y"]["2"].artifacts


def test_a_new_version_may_have_another_digest_at_the_same_url():
    lock = apply(apply(EMPTY, pin("x", "1", "a")), pin("x", "2", "b"))
    assert set(lock.tools["x"]) == {"2"}

"""Every field of different content is named, with its registered and its submitted value."""

from __future__ import annotations

import json

import pytest

from envmgr.server.contracts.requests import VersionPut
from envmgr.server.contracts.resources import Artifact, Build, LockFile, Toolchain, Version
from envmgr.server.version.domain.content_differences import MAX_DIFFERENCES, content_differences
from envmgr.server.version.domain.lock_parser import digest_of, read
from envmgr.server.version.domain.version_model import build_submission
from support.services.version_fixtures import lock

ZIP = Artifact(name="shop.zip", digest=f"sha256:{'1' * 64}")
OTHER_ZIP = Artifact(name="shop.zip", digest=f"sha256:{'2' * 64}")
IMAGE = Artifact(name="image", digest=f"sha256:{'3' * 64}", type="oci")
GO = lock("go@1.22.0")


def submission(text=GO, commit="abcdef0", artifacts=(ZIP,), dotfile="go=1.22.0\n"):
    put = VersionPut(commit=commit, artifacts=artifacts)
    version = build_submission(put, digest_of(text) if text else None, read(text) if text else ())
    content = type(version.content)(
        version.content.commit, version.content.artifacts, version.content.lock_digest, dotfile
    )
    return type(version)(content, version.metadata, text, version.tools)


def differences(other, text=GO):
    version = Version(
        id=1, app_id=1, app="shop", tag="1.0", changelog="", commit="abcdef0", ref="", artifacts=(ZIP,),
        build=Build(), digest=submission(text).content.digest, created_at="", updated_at="", rev=1,
        toolchain=Toolchain(lock_digest=digest_of(text) if text else None, tools=read(text) if text else ()),
    )  # fmt: skip
    file = LockFile(digest=digest_of(text), lock=text, dotfile="go=1.22.0\n") if text else None
    return [(item.field, item.existing, item.submitted) for item in content_differences(version, file, other)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (submission(), []),
        (submission(commit="abcdef1"), [("commit", "abcdef0", "abcdef1")]),
        (submission(artifacts=(OTHER_ZIP,)), [("artifacts/shop.zip", ZIP.digest, OTHER_ZIP.digest)]),
        (
            submission(artifacts=(IMAGE,)),
            [("artifacts/image", None, f"{IMAGE.digest} (oci)"), ("artifacts/shop.zip", ZIP.digest, None)],
        ),
        (submission(dotfile="go=1.22\n"), [("toolchain/dotfile", "go=1.22.0", "go=1.22")]),
        (submission(dotfile="# why\ngo=1.22.0\n"), [("toolchain/dotfile", None, "# why")]),
    ],
)  # fmt: skip
def test_a_field_that_differs_has_both_values(other, expected):
    assert differences(other) == expected


def test_other_tools_are_named_before_the_digests_of_the_locks():
    text = lock("go@1.22.1", "zig@0.13.0")
    assert differences(submission(text)) == [
        ("toolchain/tools/go", "1.22.0", "1.22.1"),
        ("toolchain/tools/zig", None, "0.13.0"),
        ("toolchain/lock_digest", digest_of(GO), digest_of(text)),
    ]


def test_locks_of_the_same_versions_differ_in_an_entry():
    document = json.loads(GO)
    artifact = document["tools"]["go"]["1.22.0"]["artifacts"]["linux-x64"]
    url = artifact["url"]
    artifact["url"] = "https://mirror.example/go.tar.gz"
    text = json.dumps(document)
    assert differences(submission(text)) == [
        ("toolchain/lock/tools/go/1.22.0/linux-x64/url", url, "https://mirror.example/go.tar.gz"),
        ("toolchain/lock_digest", digest_of(GO), digest_of(text)),
    ]


def test_locks_that_differ_in_form_only_have_other_digests():
    text = f"{GO}\n\n"
    assert differences(submission(text)) == [("toolchain/lock_digest", digest_of(GO), digest_of(text))]


def test_a_lock_on_one_side_is_a_difference():
    assert differences(submission("")) == [
        ("toolchain/tools/go", "1.22.0", None),
        ("toolchain/lock_digest", digest_of(GO), None),
    ]
    assert differences(submission(), text="") == [
        ("toolchain/tools/go", None, "1.22.0"),
        ("toolchain/lock_digest", None, digest_of(GO)),
    ]


def test_lines_of_the_dotfile_in_another_order_are_compared_by_digest():
    (difference,) = differences(submission(dotfile="go=1.22.0\r\n"))
    assert difference[0] == "toolchain/dotfile"
    assert all(value.startswith("sha256:") for value in difference[1:])


def test_the_number_and_the_length_of_differences_are_bounded():
    artifacts = tuple(Artifact(name=f"file-{number}", digest=ZIP.digest) for number in range(100))
    assert len(differences(submission(artifacts=artifacts))) == MAX_DIFFERENCES
    ((_, _, value),) = differences(submission(dotfile=f"go=1.22.0\n{'#' * 5000}"))
    assert len(value) < 400

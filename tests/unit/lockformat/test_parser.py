"""Parsing a lock: strict, with errors that name the JSON path and what to run."""

from __future__ import annotations

import json

import pytest

from envmgr.lockformat.errors import LockFormatError
from envmgr.lockformat.model import EMPTY, Lockfile
from envmgr.lockformat.parser import parse
from envmgr.lockformat.writer import render
from support.lock_samples import BAD_LOCKS, GOOD_LOCKS, LOCK, PLUGIN, A, with_artifact


def rejection(text: str) -> LockFormatError:
    with pytest.raises(LockFormatError) as caught:
        parse(text)
    assert caught.value.hint
    assert len(str(caught.value)) < 300
    return caught.value


@pytest.mark.parametrize("text", GOOD_LOCKS)
def test_a_valid_lock_is_read_and_rendered_unchanged(text):
    lock = parse(text)
    if not lock.seed:
        assert parse(render(lock)) == lock


@pytest.mark.parametrize(
    "text",
    ["\ufeff" + render(LOCK), render(LOCK).replace("\n", "\r\n"), json.dumps(json.loads(render(LOCK)))],
)
def test_equivalent_notations_are_read(text):
    assert parse(text) == LOCK


def test_the_simple_form_is_read_as_preferred_versions():
    assert parse('{"nodejs": "20.1.0", "npm:@s/n": "1"}') == Lockfile(
        seed={"nodejs": "20.1.0", "npm:@s/n": "1"}
    )
    assert parse("{}") == EMPTY
    assert parse('{"lockfile": 1}') == EMPTY


@pytest.mark.parametrize(("text", "message", "hint"), BAD_LOCKS)
def test_an_invalid_lock_is_rejected_with_position_and_hint(text, message, hint):
    error = rejection(text)
    assert message in error.describe(".envmgr.lock")
    assert hint in error.hint


def test_an_error_has_the_path_to_its_value():
    assert rejection(with_artifact(sha256=1)).path == ("tools", "x", "1", "artifacts", "linux-x64", "sha256")
    error = rejection('{\n  "a": 1,,\n}')
    assert (error.path, error.line, error.column) == ((), 2, 10)


def test_a_digest_with_its_algorithm_is_rejected():
    artifact = ("tools", "x", "1", "artifacts", "linux-x64")
    assert rejection(with_artifact(sha512=f"sha512:{'b' * 128}")).path == (*artifact, "sha512")
    assert rejection(with_artifact(sha256=PLUGIN)).path == (*artifact, "sha256")


def test_credentials_are_redacted():
    assert "secret" not in str(rejection(with_artifact(url="https://u:secret@x/y")))


def test_every_truncation_is_detected():
    text = render(LOCK)
    for length in range(1, len(text) - 1):
        rejection(text[:length])


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({**{f"t{n}": "1" for n in range(200_000)}, "T": "1"}),
        '{"lockfile": 1, "resolved": {"' + "a" * 2_000_000 + '!": "1"}}',
        json.dumps({"lockfile": 1, "tools": {"x": {"1": {"plugin": PLUGIN, "artifacts": {A * 30_000: {}}}}}}),
        '{"go": "1", ' + ", ".join(f'"t{n}": "1"' for n in range(200_000)) + ', "go": "1"}',
    ],
    ids=["many tools", "a long request", "a long platform", "a late repetition"],
)
def test_adversarial_locks_are_rejected_in_linear_time(text):
    rejection(text)

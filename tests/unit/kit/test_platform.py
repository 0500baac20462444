"""Platforms and their keys."""

from __future__ import annotations

import pytest

from envmgr.kit.errors import ConfigError
from envmgr.kit.platform import ARCHITECTURES, DEFAULT_PLATFORMS, OPERATING_SYSTEMS, Platform, current, parse


@pytest.mark.parametrize(
    ("key", "platform"),
    [
        ("linux-x64", Platform("linux", "x64", "gnu")),
        ("linux-arm64-musl", Platform("linux", "arm64", "musl")),
        ("macos-arm64", Platform("macos", "arm64")),
        ("windows-x86", Platform("windows", "x86")),
    ],
)
def test_a_key_is_converted_to_a_platform_and_back(key, platform):
    assert parse(key) == platform
    assert platform.key == key


def test_the_default_c_library_may_be_named_and_is_omitted():
    assert parse("linux-x64-gnu") == parse("linux-x64")
    assert parse("linux-x64-gnu").key == "linux-x64"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "linux",
        "linux-",
        "plan9-x64",
        "linux-vax",
        "macos-x64-musl",
        "linux-x64-uclibc",
        "LINUX-x64",
        "a-b-c-d",
    ],
)
def test_anything_else_is_rejected_with_the_valid_keys(key):
    with pytest.raises(ConfigError, match="invalid platform") as caught:
        parse(key)
    assert "linux|macos|windows" in str(caught.value.hint)


def test_locks_are_written_for_eight_platforms_by_default():
    assert len({platform.key for platform in DEFAULT_PLATFORMS}) == 8


def test_the_platform_of_this_machine_is_detected():
    this_platform = current()
    assert this_platform.os in OPERATING_SYSTEMS
    assert this_platform.arch in ARCHITECTURES
    assert parse(this_platform.key) == this_platform


def test_only_windows_is_windows():
    assert parse("windows-x64").is_windows
    assert not parse("linux-x64").is_windows

from __future__ import annotations

import pytest

from envmgr.catalog.sources import asset_matching
from envmgr.kit import platform
from envmgr.kit.errors import InvalidRequest

RIPGREP = [
    "ripgrep-15.1.0-aarch64-apple-darwin.tar.gz",
    "ripgrep-15.1.0-aarch64-apple-darwin.tar.gz.sha256",
    "ripgrep-15.1.0-aarch64-unknown-linux-gnu.tar.gz",
    "ripgrep-15.1.0-i686-pc-windows-msvc.zip",
    "ripgrep-15.1.0-x86_64-apple-darwin.tar.gz",
    "ripgrep-15.1.0-x86_64-pc-windows-gnu.zip",
    "ripgrep-15.1.0-x86_64-pc-windows-msvc.zip",
    "ripgrep-15.1.0-x86_64-pc-windows-msvc.zip.sha256",
    "ripgrep-15.1.0-x86_64-unknown-linux-musl.tar.gz",
    "ripgrep_15.1.0-1_amd64.deb",
]
GH = [
    "gh_2.80.0_checksums.txt",
    "gh_2.80.0_linux_386.deb",
    "gh_2.80.0_linux_386.tar.gz",
    "gh_2.80.0_linux_amd64.rpm",
    "gh_2.80.0_linux_amd64.tar.gz",
    "gh_2.80.0_linux_arm64.tar.gz",
    "gh_2.80.0_linux_armv6.tar.gz",
    "gh_2.80.0_macOS_amd64.zip",
    "gh_2.80.0_macOS_arm64.zip",
    "gh_2.80.0_macOS_universal.pkg",
    "gh_2.80.0_windows_amd64.msi",
    "gh_2.80.0_windows_amd64.zip",
    "gh_2.80.0_windows_arm64.zip",
]
JQ = [
    "jq-1.8.1.tar.gz",
    "jq-linux-amd64",
    "jq-linux-arm64",
    "jq-linux64",
    "jq-macos-arm64",
    "jq-macos-amd64",
    "jq-win64.exe",
    "jq-windows-amd64.exe",
    "sha256sum.txt",
]
BUN = [
    "bun-darwin-aarch64-profile.zip",
    "bun-darwin-aarch64.zip",
    "bun-linux-x64-baseline.zip",
    "bun-linux-x64-musl-baseline.zip",
    "bun-linux-x64-musl.zip",
    "bun-linux-x64-profile.zip",
    "bun-linux-x64.zip",
    "SHASUMS256.txt",
    "SHASUMS256.txt.asc",
]
UV = [
    "source.tar.gz",
    "uv-installer.sh",
    "uv-x86_64-unknown-linux-gnu.tar.gz",
    "uv-x86_64-unknown-linux-musl.tar.gz",
    "uv-aarch64-apple-darwin.tar.gz",
    "uv-x86_64-pc-windows-msvc.zip",
    "dist-manifest.json",
]
DENO = ["deno-x86_64-unknown-linux-gnu.zip", "denort-x86_64-unknown-linux-gnu.zip", "deno_src.tar.gz"]
UNIVERSAL = ["tool-macos-universal.zip", "tool-linux.tar.gz", "tool.exe", "tool-windows.zip"]
TWO_FORMATS = [
    "tool-linux-amd64.zip",
    "tool-linux-amd64.tar.gz",
    "tool-linux-amd64.tar.xz",
    "tool-windows-x64.exe",
]


@pytest.mark.parametrize(
    ("names", "tool", "key", "expected"),
    [
        (RIPGREP, "ripgrep", "macos-arm64", "ripgrep-15.1.0-aarch64-apple-darwin.tar.gz"),
        (RIPGREP, "ripgrep", "linux-x64", "ripgrep-15.1.0-x86_64-unknown-linux-musl.tar.gz"),
        (RIPGREP, "ripgrep", "linux-x64-musl", "ripgrep-15.1.0-x86_64-unknown-linux-musl.tar.gz"),
        (RIPGREP, "ripgrep", "linux-arm64-musl", None),
        (RIPGREP, "ripgrep", "windows-x64", "ripgrep-15.1.0-x86_64-pc-windows-msvc.zip"),
        (RIPGREP, "ripgrep", "windows-x86", "ripgrep-15.1.0-i686-pc-windows-msvc.zip"),
        (GH, "cli", "linux-x64", "gh_2.80.0_linux_amd64.tar.gz"),
        (GH, "cli", "macos-arm64", "gh_2.80.0_macOS_arm64.zip"),
        (GH, "cli", "windows-arm64", "gh_2.80.0_windows_arm64.zip"),
        (GH, "cli", "linux-riscv64", None),
        (JQ, "jq", "linux-arm64", "jq-linux-arm64"),
        (JQ, "jq", "macos-x64", "jq-macos-amd64"),
        (BUN, "bun", "linux-x64", "bun-linux-x64.zip"),
        (BUN, "bun", "linux-x64-musl", "bun-linux-x64-musl.zip"),
        (BUN, "bun", "macos-arm64", "bun-darwin-aarch64.zip"),
        (UV, "uv", "linux-x64", "uv-x86_64-unknown-linux-gnu.tar.gz"),
        (UV, "uv", "linux-x64-musl", "uv-x86_64-unknown-linux-musl.tar.gz"),
        (DENO, "deno", "linux-x64", "deno-x86_64-unknown-linux-gnu.zip"),
        (UNIVERSAL, "tool", "macos-arm64", "tool-macos-universal.zip"),
        (UNIVERSAL, "tool", "linux-x64", "tool-linux.tar.gz"),
        (UNIVERSAL, "tool", "linux-arm64", None),
        (TWO_FORMATS, "tool", "linux-x64", "tool-linux-amd64.tar.gz"),
        (TWO_FORMATS, "tool", "windows-x64", "tool-windows-x64.exe"),
        (["jq-linux64", "jq-osx-amd64", "jq-win64.exe"], "jq", "linux-x64", "jq-linux64"),
        (["jq-linux64", "jq-osx-amd64", "jq-win64.exe"], "jq", "windows-x64", "jq-win64.exe"),
        ([], "tool", "linux-x64", None),
    ],
)
def test_the_file_for_a_platform_is_told_by_its_name(
    names: list[str], tool: str, key: str, expected: str
) -> None:
    assert asset_matching.choose(names, platform.parse(key), tool) == expected
    assert asset_matching.choose(names[::-1], platform.parse(key), tool) == expected


def test_two_that_fit_as_well_are_an_error_that_lists_them() -> None:
    names = ["one-linux-amd64.tar.gz", "two-linux-amd64.tar.gz", "two-linux-arm64.tar.gz"]
    with pytest.raises(InvalidRequest) as caught:
        asset_matching.choose(names, platform.parse("linux-x64"), "tool")
    assert caught.value.message.splitlines()[1:] == ["  one-linux-amd64.tar.gz", "  two-linux-amd64.tar.gz"]
    assert "asset" in str(caught.value.hint)

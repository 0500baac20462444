from __future__ import annotations

import pytest

from envmgr.catalog import url_hints
from envmgr.kit.platform import DEFAULT_PLATFORMS, parse


@pytest.mark.parametrize(
    ("name", "systems", "processors", "libcs"),
    [
        ("node-v20-linux-x64.tar.gz", {"linux"}, {"x64"}, set()),
        ("tool_Darwin_arm64.zip", {"macos"}, {"arm64"}, set()),
        ("rg-x86_64-pc-windows-msvc.zip", {"windows"}, {"x64"}, set()),
        ("rg-aarch64-apple-darwin", {"macos"}, {"arm64"}, set()),
        ("x-x86_64-unknown-linux-musl", {"linux"}, {"x64"}, {"musl"}),
        ("tool-win64.exe", {"windows"}, {"x64"}, set()),
        ("tool-i686-linux", {"linux"}, {"x86"}, set()),
        ("tool-linux-64bit", {"linux"}, {"x64"}, set()),
        ("tool-linux-arm-64bit", {"linux"}, {"arm64"}, set()),
        ("tool-win32-x64", {"windows"}, {"x64"}, set()),
        ("t-aarch64-linux-android", {"android"}, {"arm64"}, set()),
        ("staticcheck-linux-static", {"linux"}, set(), {"musl"}),
        ("darwinian-windowed-linuxy.jar", set(), set(), set()),
    ],
)
def test_the_platform_is_derived_from_a_file_name(name, systems, processors, libcs):
    assert url_hints.os_words(name) == systems
    assert url_hints.arch_words(name) == processors
    assert url_hints.libc_words(name) == libcs


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("https://x/t-linux-amd64", {"linux-x64"}),
        ("https://x/t-linux-musl-amd64", {"linux-x64", "linux-x64-musl"}),
        ("https://x/t-macos.zip", {"macos-x64", "macos-arm64"}),
        ("https://x/t-arm64.zip", {"linux-arm64", "linux-arm64-musl", "macos-arm64", "windows-arm64"}),
        ("https://static.mac.example/t-linux-amd64", {"linux-x64"}),
        ("https://x/static/t-linux-amd64", {"linux-x64"}),
        ("https://x/t-aarch64-linux-android", set()),
        ("https://x/t-linux-amd64-ohos", set()),
        ("https://x/t-linux-x64-uclibc", set()),
        ("https://x/t-linux-e2k", set()),
        ("https://x/android/platform-tools-linux-x64.zip", {"linux-x64"}),
        ("https://x/wasi-sdk/wasi-sdk-25-x86_64-linux", {"linux-x64"}),
        ("https://x/t.sh", {platform.key for platform in DEFAULT_PLATFORMS}),
    ],
)
def test_a_url_without_placeholders_is_for_the_platforms_in_it(url, keys):
    assert {
        platform.key for platform in DEFAULT_PLATFORMS if url_hints.is_url_for_platform(url, platform)
    } == keys


def test_a_platform_beyond_the_defaults_can_be_named():
    assert url_hints.is_url_for_platform("https://x/t-linux-riscv64", parse("linux-riscv64"))


@pytest.mark.parametrize(
    ("url", "key", "expected"),
    [
        ("https://x/tool-darwin-amd64.tar.gz", "macos-arm64", "Rosetta 2"),
        ("https://x/tool-macos.tar.gz", "macos-arm64", "Rosetta 2"),
        ("https://x/tool-windows-x64.exe", "windows-arm64", "the x64 emulation of Windows"),
        ("https://x/tool-darwin-amd64.tar.gz", "macos-x64", None),
        ("https://x/tool-darwin-universal.tar.gz", "macos-arm64", None),
        ("https://x/tool-darwin-arm64.tar.gz", "macos-arm64", None),
        ("https://x/arm64/tool-darwin.tar.gz", "macos-arm64", None),
        ("https://x/tool.jar", "macos-arm64", None),
        ("npm:esbuild/1.0.0", "macos-arm64", None),
    ],
)
def test_an_archive_for_x64_requires_an_emulator_on_arm64(url, key, expected):
    assert url_hints.emulator(url, parse(key)) == expected

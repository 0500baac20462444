from __future__ import annotations

import pytest

from envmgr.catalog.sources import npm_platforms
from envmgr.kit import platform

ESBUILD = [
    *(
        f"@esbuild/linux-{cpu}"
        for cpu in ("x64", "arm64", "arm", "ia32", "loong64", "ppc64", "riscv64", "s390x")
    ),
    *(
        f"@esbuild/{system}"
        for system in ("darwin-x64", "darwin-arm64", "win32-x64", "win32-arm64", "win32-ia32")
    ),
    *(
        f"@esbuild/{system}"
        for system in ("freebsd-x64", "android-arm64", "openbsd-x64", "sunos-x64", "aix-ppc64")
    ),
]
SWC = [
    *(f"@swc/core-linux-{cpu}-{libc}" for cpu in ("x64", "arm64") for libc in ("gnu", "musl")),
    "@swc/core-linux-arm-gnueabihf",
    "@swc/core-win32-x64-msvc",
    "@swc/core-darwin-arm64",
]
BUN = [
    "@oven/bun-linux-x64-musl-baseline",
    "@oven/bun-linux-x64-baseline",
    "@oven/bun-linux-x64-musl",
    "@oven/bun-linux-x64",
    "@oven/bun-linux-aarch64",
]


def likeliest(names: list[str], key: str) -> str | None:
    return next(iter(npm_platforms.candidates(names, platform.parse(key))), None)


@pytest.mark.parametrize(
    ("names", "key", "expected"),
    [
        (ESBUILD, "linux-x64", "@esbuild/linux-x64"),
        (ESBUILD, "linux-x64-musl", "@esbuild/linux-x64"),
        (ESBUILD, "linux-arm64", "@esbuild/linux-arm64"),
        (ESBUILD, "linux-armv7", "@esbuild/linux-arm"),
        (ESBUILD, "linux-x86", "@esbuild/linux-ia32"),
        (ESBUILD, "macos-arm64", "@esbuild/darwin-arm64"),
        (ESBUILD, "windows-x64", "@esbuild/win32-x64"),
        (SWC, "linux-x64", "@swc/core-linux-x64-gnu"),
        (SWC, "linux-x64-musl", "@swc/core-linux-x64-musl"),
        (SWC, "linux-armv7", "@swc/core-linux-arm-gnueabihf"),
        (SWC, "windows-x64", "@swc/core-win32-x64-msvc"),
        (SWC, "windows-arm64", None),
        (SWC, "macos-x64", None),
        (BUN, "linux-x64", "@oven/bun-linux-x64"),
        (BUN, "linux-x64-musl", "@oven/bun-linux-x64-musl"),
        (BUN, "linux-arm64", "@oven/bun-linux-aarch64"),
        (["turbo-linux-64", "turbo-windows-64", "turbo-darwin-arm64"], "windows-x64", "turbo-windows-64"),
        (["@sentry/cli-darwin", "@sentry/cli-linux-x64"], "macos-arm64", "@sentry/cli-darwin"),
        (
            ["sass-embedded-linux-musl-x64", "sass-embedded-linux-x64"],
            "linux-x64-musl",
            "sass-embedded-linux-musl-x64",
        ),
        (["tool-linux-x86_64", "tool-linux-x86"], "linux-x64", "tool-linux-x86_64"),
    ],
)
def test_the_name_of_a_package_contains_its_platform(
    names: list[str], key: str, expected: str | None
) -> None:
    assert likeliest(names, key) == expected
    assert likeliest(names[::-1], key) == expected


def test_a_package_name_without_a_system_is_not_a_platform_package() -> None:
    names = ["fsevents", "@parcel/watcher", "@linux/tools", "chokidar", "@esbuild/linux-x64"]
    assert npm_platforms.of_platforms(names) == ("@esbuild/linux-x64",)


@pytest.mark.parametrize(
    ("fields", "key", "allowed"),
    [
        ({}, "linux-x64", True),
        ({"os": ["linux"], "cpu": ["x64"]}, "linux-x64", True),
        ({"os": ["linux"], "cpu": ["x64"]}, "linux-arm64", False),
        ({"os": "darwin"}, "macos-x64", True),
        ({"os": ["darwin"]}, "linux-x64", False),
        ({"os": ["!win32"]}, "linux-x64", True),
        ({"os": ["!win32"]}, "windows-x64", False),
        ({"cpu": ["any"]}, "windows-arm64", True),
        ({"libc": ["glibc"]}, "linux-x64", True),
        ({"libc": ["glibc"]}, "linux-x64-musl", False),
        ({"libc": ["musl"]}, "linux-x64-musl", True),
        ({"libc": ["musl"]}, "linux-x64", False),
        ({"libc": ["glibc"]}, "macos-x64", True),
    ],
)
def test_fields_override_the_name(fields: dict[str, object], key: str, allowed: bool) -> None:
    assert npm_platforms.is_for_platform(fields, "tool-x", platform.parse(key)) is allowed


@pytest.mark.parametrize(
    ("key", "package"), [("macos-arm64", "@x/core-darwin-x64"), ("windows-arm64", "@x/core-win32-x64-msvc")]
)
def test_a_package_for_x64_is_not_for_arm64_as_with_npm(key: str, package: str) -> None:
    assert likeliest([package], key) is None
    assert likeliest([package], key.replace("arm64", "x64")) == package
    fields = {"os": ["darwin", "win32"], "cpu": ["x64"]}
    assert not npm_platforms.is_for_platform(fields, package, platform.parse(key))


def test_the_name_decides_on_the_libc_without_a_field() -> None:
    musl = platform.parse("linux-x64-musl")
    assert not npm_platforms.is_for_platform({}, "tool-linux-x64-gnu", musl)
    assert npm_platforms.is_for_platform({}, "tool-linux-x64-musl", musl)
    assert not npm_platforms.is_for_platform({}, "tool-linux-x64-musl", platform.parse("linux-x64"))

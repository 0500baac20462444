from __future__ import annotations

import pytest

from envmgr.catalog.sources import asset_matching
from envmgr.kit import platform
from envmgr.kit.errors import AmbiguousAsset

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
THREE_FORMATS = [*TWO_FORMATS, "tool-linux-amd64.tar.zst"]

HUGO = [
    "hugo_0.80.0_Linux-32bit.tar.gz",
    "hugo_0.80.0_Linux-64bit.tar.gz",
    "hugo_0.80.0_Linux-ARM.tar.gz",
    "hugo_0.80.0_Linux-ARM64.tar.gz",
    "hugo_0.80.0_macOS-64bit.tar.gz",
    "hugo_0.80.0_Windows-32bit.zip",
    "hugo_0.80.0_Windows-64bit.zip",
    "hugo_0.80.0_FreeBSD-64bit.tar.gz",
]
PROTOC = [
    "protoc-29.3-linux-aarch_64.zip",
    "protoc-29.3-linux-ppcle_64.zip",
    "protoc-29.3-linux-s390_64.zip",
    "protoc-29.3-linux-x86_32.zip",
    "protoc-29.3-linux-x86_64.zip",
    "protoc-29.3-osx-aarch_64.zip",
    "protoc-29.3-osx-universal_binary.zip",
    "protoc-29.3-osx-x86_64.zip",
    "protoc-29.3-win32.zip",
    "protoc-29.3-win64.zip",
]
YQ = [
    "yq_linux_amd64",
    "yq_linux_amd64.tar.gz",
    "yq_linux_arm64",
    "yq_linux_arm64.tar.gz",
    "yq_darwin_arm64",
    "yq_darwin_arm64.tar.gz",
    "yq_man_page_only.tar.gz",
    "yq_windows_amd64.exe",
    "yq_windows_amd64.zip",
    "checksums",
]
ANDROID = ["fd-v10-aarch64-linux-android.tar.gz", "fd-v10-x86_64-unknown-linux-gnu.tar.gz"]
SWS = [
    "static-web-server-v2.36.0-x86_64-unknown-linux-gnu.tar.gz",
    "static-web-server-v2.36.0-x86_64-unknown-linux-musl.tar.gz",
    "static-web-server-v2.36.0-aarch64-unknown-linux-gnu.tar.gz",
    "static-web-server-v2.36.0-x86_64-apple-darwin.tar.gz",
    "static-web-server-v2.36.0-x86_64-pc-windows-msvc.zip",
]
ARM32 = ["tool-linux-armv6", "tool-linux-arm", "tool-linux-armv7"]
OTHER_PROCESSORS = [
    "loong64",
    "mips64le",
    "mips",
    "riscv32",
    "ppc64",
    "sparc64",
    "wasm32",
    "aarch64_be",
    "armv5",
]
VSCODE_RIPGREP = ["rg-win32-x64.zip", "rg-win32-ia32.zip", "rg-win32-arm64.zip", "rg-linux-x64.tar.gz"]


@pytest.mark.parametrize(
    ("names", "tool", "key", "expected"),
    [
        (ANDROID, "fd", "linux-arm64", None),
        (ANDROID, "fd", "linux-x64", "fd-v10-x86_64-unknown-linux-gnu.tar.gz"),
        (["t-x86_64-unknown-freebsd", "t-x86_64-linux"], "t", "linux-x64", "t-x86_64-linux"),
        (HUGO, "hugo", "linux-x64", "hugo_0.80.0_Linux-64bit.tar.gz"),
        (HUGO, "hugo", "linux-x86", "hugo_0.80.0_Linux-32bit.tar.gz"),
        (HUGO, "hugo", "linux-arm64", "hugo_0.80.0_Linux-ARM64.tar.gz"),
        (HUGO, "hugo", "linux-armv7", "hugo_0.80.0_Linux-ARM.tar.gz"),
        (HUGO, "hugo", "windows-x64", "hugo_0.80.0_Windows-64bit.zip"),
        (HUGO, "hugo", "macos-arm64", "hugo_0.80.0_macOS-64bit.tar.gz"),
        (PROTOC, "protobuf", "linux-arm64", "protoc-29.3-linux-aarch_64.zip"),
        (PROTOC, "protobuf", "linux-x64", "protoc-29.3-linux-x86_64.zip"),
        (PROTOC, "protobuf", "linux-x86", "protoc-29.3-linux-x86_32.zip"),
        (PROTOC, "protobuf", "linux-ppc64le", "protoc-29.3-linux-ppcle_64.zip"),
        (PROTOC, "protobuf", "linux-s390x", "protoc-29.3-linux-s390_64.zip"),
        (PROTOC, "protobuf", "macos-arm64", "protoc-29.3-osx-aarch_64.zip"),
        (PROTOC, "protobuf", "windows-x64", "protoc-29.3-win64.zip"),
        (PROTOC, "protobuf", "windows-x86", "protoc-29.3-win32.zip"),
        (YQ, "yq", "linux-x64", "yq_linux_amd64"),
        (YQ, "yq", "macos-arm64", "yq_darwin_arm64"),
        (YQ, "yq", "windows-x64", "yq_windows_amd64.exe"),
        (SWS, "static-web-server", "linux-x64", "static-web-server-v2.36.0-x86_64-unknown-linux-gnu.tar.gz"),
        (SWS, "static-web-server", "linux-arm64-musl", None),
        (["static-get-linux-amd64"], "get", "linux-x64-musl", None),
        (["tool-linux-amd64-static"], "tool", "linux-x64-musl", "tool-linux-amd64-static"),
        (["man-linux-amd64", "man-linux-arm64"], "man", "linux-x64", "man-linux-amd64"),
        (["arm-tool-linux-amd64"], "arm-tool", "linux-x64", "arm-tool-linux-amd64"),
        (["mac-cleanup-linux-amd64"], "mac-cleanup", "linux-x64", "mac-cleanup-linux-amd64"),
        (["tool-linux-armv6"], "tool", "linux-x64", None),
        (ARM32, "tool", "linux-armv7", "tool-linux-armv7"),
        (ARM32[:1], "tool", "linux-armv7", "tool-linux-armv6"),
        *((([f"tool-linux-{cpu}"]), "tool", "linux-x64", None) for cpu in OTHER_PROCESSORS),
        (
            ["tool-macos-intel_64.zip", "tool-macos-silicon.zip"],
            "tool",
            "macos-x64",
            "tool-macos-intel_64.zip",
        ),
        (["tool-linux-amd.zip", "tool-linux-arm.zip"], "tool", "linux-x64", "tool-linux-amd.zip"),
        (VSCODE_RIPGREP, "rg", "windows-x64", "rg-win32-x64.zip"),
        (VSCODE_RIPGREP, "rg", "windows-x86", "rg-win32-ia32.zip"),
        (["tool-macosx-x64.zip"], "tool", "macos-x64", "tool-macosx-x64.zip"),
        (["tool-darwin-amd64"], "tool", "macos-arm64", "tool-darwin-amd64"),
        (["tool-macos.zip"], "tool", "macos-arm64", "tool-macos.zip"),
        (["tool-darwin-amd64", "tool-darwin-universal"], "tool", "macos-arm64", "tool-darwin-universal"),
        (["tool-windows-x64.exe", "tool-windows-386.exe"], "tool", "windows-arm64", "tool-windows-x64.exe"),
        (["tool-windows-386.exe"], "tool", "windows-arm64", None),
        (["tool-linux-amd64"], "tool", "linux-arm64", None),
        (["tool-macos-arm.zip", "tool-macos-x64.zip"], "tool", "macos-arm64", "tool-macos-arm.zip"),
        (["ninja-win.zip", "ninja-winarm64.zip"], "ninja", "windows-arm64", "ninja-winarm64.zip"),
        (["tool-amd64.exe", "tool-arm64.exe", "tool-linux"], "tool", "windows-arm64", "tool-arm64.exe"),
        (["setup-envtest-linux-amd64"], "controller-runtime", "linux-x64", "setup-envtest-linux-amd64"),
        (
            ["tool-setup-windows-x64.exe", "tool-windows-x64.zip"],
            "tool",
            "windows-x64",
            "tool-windows-x64.zip",
        ),
        (["tool-linux-amd64.bz2", "tool-linux-amd64.tar.bz2"], "tool", "linux-x64", "tool-linux-amd64.bz2"),
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
        (THREE_FORMATS, "tool", "linux-x64", "tool-linux-amd64.tar.zst"),
        (TWO_FORMATS, "tool", "windows-x64", "tool-windows-x64.exe"),
        (["jq-linux64", "jq-osx-amd64", "jq-win64.exe"], "jq", "linux-x64", "jq-linux64"),
        (["jq-linux64", "jq-osx-amd64", "jq-win64.exe"], "jq", "windows-x64", "jq-win64.exe"),
        ([], "tool", "linux-x64", None),
    ],
)
def test_the_file_for_a_platform_is_matched_by_its_name(
    names: list[str], tool: str, key: str, expected: str
) -> None:
    assert asset_matching.choose(names, platform.parse(key), tool) == expected
    assert asset_matching.choose(names[::-1], platform.parse(key), tool) == expected


LINUX_ON_OTHERS = """
    linux-alpha linux-arm5 linux-arm6 linux-arm7 linux-arm8 linux-arm64be linux-arm64ec linux-armbe linux-armeb
    linux-armv4t linux-armv9 linux-aarch32 linux-aarch64_be linux-aarch64_ilp32 linux-csky linux-e2k linux-e2kv6
    linux-elbrus linux-hppa linux-parisc linux-ia64 linux-loong64 linux-loongarch64 linux-loongarch linux-loongson
    linux-m68k linux-microblazeel linux-mips linux-mipsle linux-mipsel linux-mips-softfloat linux-mips32r2el
    linux-mips64 linux-mips64el linux-mips64le_hardfloat linux-mips64r6el linux-mipsisa32r6 linux-mips64p32le
    linux-nios2 linux-openrisc linux-or1k linux-power8 linux-power64 linux-powerpc linux-powerpc64 linux-powerpcspe
    linux-ppc linux-ppc32 linux-ppc64 linux-ppc64be linux-ppc_64 linux-ppc64le linux-raspberrypi linux-rpi4
    linux-risc-v linux-riscv linux-riscv32 linux-riscv32imac linux-riscv64 linux-riscv64gc linux-riscv64a23
    linux-rv64gc linux-s390 linux-s390x linux-sh4 linux-sparc linux-sparc64 linux-sparcv9 linux-sw64 linux-sw_64
    linux-thumbv7neon linux-tilegx linux-wasm32 linux-xtensa linux-zarch
"""
X64_ELSEWHERE = """
    linux-amd64-ohos x86_64-unknown-linux-ohos linux-x64-openharmony x86_64-linux-android linux-android-amd64
    linux-x64-uclibc x86_64-unknown-linux-uclibc linux-x64-dietlibc x86_64-linux-gnux32 x86_64-unknown-linux-muslx32
    linux-x32 freebsd-amd64 x86_64-unknown-kfreebsd-gnu openbsd-amd64 netbsd-amd64 dragonfly-amd64 illumos-amd64
    solaris-amd64 x86_64-sun-solaris haiku-x64 fuchsia-x64 x86_64-unknown-redox x86_64-pc-nto-qnx710 hurd-amd64
    x86_64-unknown-hurd-gnu x86_64-pc-cygwin cygwin-x64 msys2-x64 x86_64-apple-tvos x86_64-apple-watchos
    x86_64-apple-ios-macabi x86_64-unknown-uefi wasm32-wasi wasm32-wasip1 wasm32-unknown-emscripten wasi
    emscripten plan9-amd64 aix-ppc64
"""
DEFAULTS_AND_X86 = [*platform.DEFAULT_PLATFORMS, platform.parse("linux-x86")]


def platforms_of(name: str) -> list[str]:
    """Return the platforms that a file alone is taken for."""
    return [
        target.key for target in DEFAULTS_AND_X86 if asset_matching.choose([name], target, "tool") is not None
    ]


@pytest.mark.parametrize("words", LINUX_ON_OTHERS.split())
def test_files_for_other_processors_are_not_taken_for_these(words: str) -> None:
    assert platforms_of(f"tool-{words}") == []


@pytest.mark.parametrize("words", X64_ELSEWHERE.split())
def test_files_for_other_systems_are_not_taken_for_these(words: str) -> None:
    assert platforms_of(f"tool-{words}") == []


@pytest.mark.parametrize(
    ("names", "tool", "key"),
    [
        (["wasi-sdk-25.0-x86_64-linux"], "wasi-sdk", "linux-x64"),
        (["tool-linux-arm6", "tool-linux-arm7"], "tool", "linux-armv7"),
        (["tool-linux-rv64gc"], "tool", "linux-riscv64"),
        (["tool-1.0-alpha-linux-amd64"], "tool", "linux-x64"),
    ],
)
def test_files_with_such_words_are_taken_for_their_platform(names: list[str], tool: str, key: str) -> None:
    assert asset_matching.choose(names, platform.parse(key), tool) == names[-1]


def test_an_ambiguous_match_is_an_error_that_lists_the_files() -> None:
    names = ["one-linux-amd64.tar.gz", "two-linux-amd64.tar.gz", "two-linux-arm64.tar.gz"]
    with pytest.raises(AmbiguousAsset) as caught:
        asset_matching.choose(names, platform.parse("linux-x64"), "tool")
    assert caught.value.message.splitlines()[1:] == ["  one-linux-amd64.tar.gz", "  two-linux-amd64.tar.gz"]
    assert "asset" in str(caught.value.hint)

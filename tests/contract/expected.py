"""The expected archives and layouts of each built-in tool, by version and platform."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One archive and its layout."""

    url: str
    format: str
    strip: int | None
    bin: tuple[str, ...]
    home: str = ""
    env: dict[str, str] = field(default_factory=dict)
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _rows(base, files, strip, bins, **more):
    """Return rows of files by platform; `bins` and `more` may be functions of the platform."""
    evaluate = lambda value, key: value(key) if callable(value) else value  # noqa: E731 - three words
    return {
        key: Row(
            base + file,
            _format(file),
            strip,
            evaluate(bins, key),
            **{name: evaluate(value, key) for name, value in more.items()},
        )
        for key, file in files.items()
    }


def _format(file):
    return next((kind for kind in ("tar.gz", "tar.xz", "zip") if file.endswith(kind)), "raw")


def _windows(key):
    return key.startswith("windows")


def _exe(*names):
    return lambda key: tuple(f"{name}.exe" if _windows(key) else name for name in names)


def _nodejs(version, files, musl):
    official = _rows(
        f"https://nodejs.org/dist/v{version}/", files, None, lambda key: (".",) if _windows(key) else ("bin",)
    )
    unofficial = f"https://unofficial-builds.nodejs.org/download/release/v{version}/"
    return {**official, **_rows(unofficial, musl, None, ("bin",))}


def _python(version, date, variant, triples):
    files = {key: f"cpython-{version}%2B{date}-{triple}-{variant}.tar.gz" for key, triple in triples.items()}
    base = f"https://github.com/astral-sh/python-build-standalone/releases/download/{date}/"
    return _rows(base, files, 1, lambda key: (".", "Scripts/") if _windows(key) else ("bin",))


def _java(major, tag, file, names):
    base = f"https://github.com/adoptium/temurin{major}-binaries/releases/download/{tag.replace('+', '%2B')}/"
    files = {
        key: f"OpenJDK{major}U-jdk_{name}_hotspot_{file}.{'zip' if _windows(key) else 'tar.gz'}"
        for key, name in names.items()
    }
    return _rows(
        base,
        files,
        1,
        lambda key: ("Contents/Home/bin",) if key.startswith("macos") else ("bin",),
        home=lambda key: "Contents/Home" if key.startswith("macos") else "",
        env={"JAVA_HOME": "{home}"},
    )


def _go(version, files):
    return _rows(
        "https://dl.google.com/go/",
        {key: f"go{version}.{name}" for key, name in files.items()},
        1,
        ("bin",),
        env={"GOROOT": "{home}", "GOTOOLCHAIN": "local"},
    )


def _zig(base, files):
    return _rows(base, files, 1, _exe("zig"))


def _release(repository, tag, files, strip, bins, **more):
    return _rows(f"https://github.com/{repository}/releases/download/{tag}/", files, strip, bins, **more)


_TRIPLES = {
    "linux-x64": "x86_64-unknown-linux-gnu",
    "linux-arm64": "aarch64-unknown-linux-gnu",
    "linux-x64-musl": "x86_64-unknown-linux-musl",
    "linux-arm64-musl": "aarch64-unknown-linux-musl",
    "macos-x64": "x86_64-apple-darwin",
    "macos-arm64": "aarch64-apple-darwin",
    "windows-x64": "x86_64-pc-windows-msvc",
    "windows-arm64": "aarch64-pc-windows-msvc",
}


def _but(table, *left_out):
    return {key: value for key, value in table.items() if key not in left_out}


def _packed(prefix, triples):
    return {key: f"{prefix}{name}.{'zip' if _windows(key) else 'tar.gz'}" for key, name in triples.items()}


def _bunx(key):
    return {} if _windows(key) else {"bunx": ("bun",)}


_JAVA = {
    "linux-x64": "x64_linux",
    "linux-arm64": "aarch64_linux",
    "linux-x64-musl": "x64_alpine-linux",
    "linux-arm64-musl": "aarch64_alpine-linux",
    "macos-x64": "x64_mac",
    "macos-arm64": "aarch64_mac",
    "windows-x64": "x64_windows",
    "windows-arm64": "aarch64_windows",
}

ARCHIVES = {
    "nodejs": {
        "24.11.0": _nodejs(
            "24.11.0",
            {
                "linux-x64": "node-v24.11.0-linux-x64.tar.gz",
                "linux-arm64": "node-v24.11.0-linux-arm64.tar.gz",
                "macos-x64": "node-v24.11.0-darwin-x64.tar.gz",
                "macos-arm64": "node-v24.11.0-darwin-arm64.tar.gz",
                "windows-x64": "node-v24.11.0-win-x64.zip",
                "windows-arm64": "node-v24.11.0-win-arm64.zip",
            },
            {
                "linux-x64-musl": "node-v24.11.0-linux-x64-musl.tar.gz",
                "linux-arm64-musl": "node-v24.11.0-linux-arm64-musl.tar.gz",
            },
        ),
        "20.1.0": _nodejs(
            "20.1.0",
            {
                "linux-x64": "node-v20.1.0-linux-x64.tar.gz",
                "linux-arm64": "node-v20.1.0-linux-arm64.tar.gz",
                "macos-x64": "node-v20.1.0-darwin-x64.tar.gz",
                "macos-arm64": "node-v20.1.0-darwin-arm64.tar.gz",
                "windows-x64": "node-v20.1.0-win-x64.zip",
            },
            {"linux-x64-musl": "node-v20.1.0-linux-x64-musl.tar.gz"},
        ),
        "14.21.3": _nodejs(
            "14.21.3",
            {
                "linux-x64": "node-v14.21.3-linux-x64.tar.gz",
                "linux-arm64": "node-v14.21.3-linux-arm64.tar.gz",
                "macos-x64": "node-v14.21.3-darwin-x64.tar.gz",
                "windows-x64": "node-v14.21.3-win-x64.zip",
            },
            {},
        ),
    },
    "python": {
        "3.14.0+20251031": _python("3.14.0", "20251031", "install_only_stripped", _TRIPLES),
        "3.12.4+20240726": _python(
            "3.12.4",
            "20240726",
            "install_only_stripped",
            _but(_TRIPLES, "linux-arm64-musl", "windows-arm64"),
        ),
        "3.10.13+20230826": _python(
            "3.10.13", "20230826", "install_only", _but(_TRIPLES, "linux-arm64-musl", "windows-arm64")
        ),
    },
    "zig": {
        "0.15.2": _zig(
            "https://ziglang.org/download/0.15.2/",
            {
                "linux-x64": "zig-x86_64-linux-0.15.2.tar.xz",
                "linux-arm64": "zig-aarch64-linux-0.15.2.tar.xz",
                "linux-x64-musl": "zig-x86_64-linux-0.15.2.tar.xz",
                "linux-arm64-musl": "zig-aarch64-linux-0.15.2.tar.xz",
                "macos-x64": "zig-x86_64-macos-0.15.2.tar.xz",
                "macos-arm64": "zig-aarch64-macos-0.15.2.tar.xz",
                "windows-x64": "zig-x86_64-windows-0.15.2.zip",
                "windows-arm64": "zig-aarch64-windows-0.15.2.zip",
            },
        ),
        "0.14.0": _zig(
            "https://ziglang.org/download/0.14.0/",
            {
                "linux-x64": "zig-linux-x86_64-0.14.0.tar.xz",
                "linux-arm64": "zig-linux-aarch64-0.14.0.tar.xz",
                "linux-x64-musl": "zig-linux-x86_64-0.14.0.tar.xz",
                "linux-arm64-musl": "zig-linux-aarch64-0.14.0.tar.xz",
                "macos-x64": "zig-macos-x86_64-0.14.0.tar.xz",
                "macos-arm64": "zig-macos-aarch64-0.14.0.tar.xz",
                "windows-x64": "zig-windows-x86_64-0.14.0.zip",
                "windows-arm64": "zig-windows-aarch64-0.14.0.zip",
            },
        ),
        "0.16.0-dev.1234+abcdef012": _zig(
            "https://ziglang.org/builds/",
            {
                "linux-x64": "zig-x86_64-linux-0.16.0-dev.1234+abcdef012.tar.xz",
                "linux-arm64": "zig-aarch64-linux-0.16.0-dev.1234+abcdef012.tar.xz",
                "linux-x64-musl": "zig-x86_64-linux-0.16.0-dev.1234+abcdef012.tar.xz",
                "linux-arm64-musl": "zig-aarch64-linux-0.16.0-dev.1234+abcdef012.tar.xz",
                "macos-x64": "zig-x86_64-macos-0.16.0-dev.1234+abcdef012.tar.xz",
                "macos-arm64": "zig-aarch64-macos-0.16.0-dev.1234+abcdef012.tar.xz",
                "windows-x64": "zig-x86_64-windows-0.16.0-dev.1234+abcdef012.zip",
                "windows-arm64": "zig-aarch64-windows-0.16.0-dev.1234+abcdef012.zip",
            },
        ),
    },
    "go": {
        "1.22.5": _go(
            "1.22.5",
            {
                "linux-x64": "linux-amd64.tar.gz",
                "linux-arm64": "linux-arm64.tar.gz",
                "linux-x64-musl": "linux-amd64.tar.gz",
                "linux-arm64-musl": "linux-arm64.tar.gz",
                "macos-x64": "darwin-amd64.tar.gz",
                "macos-arm64": "darwin-arm64.tar.gz",
                "windows-x64": "windows-amd64.zip",
                "windows-arm64": "windows-arm64.zip",
            },
        ),
        "1.20": _go(
            "1.20",
            {
                "linux-x64": "linux-amd64.tar.gz",
                "linux-arm64": "linux-arm64.tar.gz",
                "macos-x64": "darwin-amd64.tar.gz",
                "macos-arm64": "darwin-arm64.tar.gz",
                "windows-x64": "windows-amd64.zip",
                "windows-arm64": "windows-arm64.zip",
            },
        ),
        "1.15.15": _go(
            "1.15.15",
            {
                "linux-x64": "linux-amd64.tar.gz",
                "linux-arm64": "linux-arm64.tar.gz",
                "macos-x64": "darwin-amd64.tar.gz",
                "windows-x64": "windows-amd64.zip",
            },
        ),
    },
    "java": {
        "temurin-21.0.4+7": _java("21", "jdk-21.0.4+7", "21.0.4_7", _JAVA),
        "temurin-17.0.12+7": _java(
            "17", "jdk-17.0.12+7", "17.0.12_7", _but(_JAVA, "linux-arm64-musl", "windows-arm64")
        ),
        "temurin-8.0.422+5": _java(
            "8", "jdk8u422-b05", "8u422b05", _but(_JAVA, "linux-arm64-musl", "windows-arm64", "macos-arm64")
        ),
    },
    "deno": {
        "2.9.2": _rows(
            "https://dl.deno.land/release/v2.9.2/",
            {
                "linux-x64": "deno-x86_64-unknown-linux-gnu.zip",
                "linux-arm64": "deno-aarch64-unknown-linux-gnu.zip",
                "macos-x64": "deno-x86_64-apple-darwin.zip",
                "macos-arm64": "deno-aarch64-apple-darwin.zip",
                "windows-x64": "deno-x86_64-pc-windows-msvc.zip",
                "windows-arm64": "deno-aarch64-pc-windows-msvc.zip",
            },
            0,
            _exe("deno"),
        ),
        "2.0.1": _rows(
            "https://dl.deno.land/release/v2.0.1/",
            {
                "linux-x64": "deno-x86_64-unknown-linux-gnu.zip",
                "linux-arm64": "deno-aarch64-unknown-linux-gnu.zip",
                "macos-x64": "deno-x86_64-apple-darwin.zip",
                "macos-arm64": "deno-aarch64-apple-darwin.zip",
                "windows-x64": "deno-x86_64-pc-windows-msvc.zip",
            },
            0,
            _exe("deno"),
        ),
        "1.40.2": _rows(
            "https://dl.deno.land/release/v1.40.2/",
            {
                "linux-x64": "deno-x86_64-unknown-linux-gnu.zip",
                "macos-x64": "deno-x86_64-apple-darwin.zip",
                "macos-arm64": "deno-aarch64-apple-darwin.zip",
                "windows-x64": "deno-x86_64-pc-windows-msvc.zip",
            },
            0,
            _exe("deno"),
        ),
        "1.5.4": _rows(
            "https://dl.deno.land/release/v1.5.4/",
            {
                "linux-x64": "deno-x86_64-unknown-linux-gnu.zip",
                "macos-x64": "deno-x86_64-apple-darwin.zip",
                "windows-x64": "deno-x86_64-pc-windows-msvc.zip",
            },
            0,
            _exe("deno"),
        ),
        "0.42.0": {},
    },
    "bun": {
        "1.3.10": _release(
            "oven-sh/bun",
            "bun-v1.3.10",
            {
                "linux-x64": "bun-linux-x64.zip",
                "linux-arm64": "bun-linux-aarch64.zip",
                "linux-x64-musl": "bun-linux-x64-musl.zip",
                "linux-arm64-musl": "bun-linux-aarch64-musl.zip",
                "macos-x64": "bun-darwin-x64.zip",
                "macos-arm64": "bun-darwin-aarch64.zip",
                "windows-x64": "bun-windows-x64.zip",
                "windows-arm64": "bun-windows-aarch64.zip",
            },
            1,
            _exe("bun"),
            links=_bunx,
        ),
        "1.0.36": _release(
            "oven-sh/bun",
            "bun-v1.0.36",
            {
                "linux-x64": "bun-linux-x64.zip",
                "linux-arm64": "bun-linux-aarch64.zip",
                "macos-x64": "bun-darwin-x64.zip",
                "macos-arm64": "bun-darwin-aarch64.zip",
            },
            1,
            _exe("bun"),
            links=_bunx,
        ),
    },
    "terraform": {
        "1.13.5": _rows(
            "https://releases.hashicorp.com/terraform/1.13.5/",
            {
                "linux-x64": "terraform_1.13.5_linux_amd64.zip",
                "linux-arm64": "terraform_1.13.5_linux_arm64.zip",
                "linux-x64-musl": "terraform_1.13.5_linux_amd64.zip",
                "linux-arm64-musl": "terraform_1.13.5_linux_arm64.zip",
                "macos-x64": "terraform_1.13.5_darwin_amd64.zip",
                "macos-arm64": "terraform_1.13.5_darwin_arm64.zip",
                "windows-x64": "terraform_1.13.5_windows_amd64.zip",
                "windows-arm64": "terraform_1.13.5_windows_arm64.zip",
            },
            0,
            _exe("terraform"),
        ),
        "1.0.1": _rows(
            "https://releases.hashicorp.com/terraform/1.0.1/",
            {
                "linux-x64": "terraform_1.0.1_linux_amd64.zip",
                "linux-arm64": "terraform_1.0.1_linux_arm64.zip",
                "linux-x64-musl": "terraform_1.0.1_linux_amd64.zip",
                "linux-arm64-musl": "terraform_1.0.1_linux_arm64.zip",
                "macos-x64": "terraform_1.0.1_darwin_amd64.zip",
                "windows-x64": "terraform_1.0.1_windows_amd64.zip",
            },
            0,
            _exe("terraform"),
        ),
    },
    "kubectl": {
        "1.34.2": _rows(
            "https://dl.k8s.io/release/v1.34.2/bin/",
            {
                "linux-x64": "linux/amd64/kubectl",
                "linux-arm64": "linux/arm64/kubectl",
                "linux-x64-musl": "linux/amd64/kubectl",
                "linux-arm64-musl": "linux/arm64/kubectl",
                "macos-x64": "darwin/amd64/kubectl",
                "macos-arm64": "darwin/arm64/kubectl",
                "windows-x64": "windows/amd64/kubectl.exe",
                "windows-arm64": "windows/arm64/kubectl.exe",
            },
            None,
            _exe("kubectl"),
        ),
        "1.20.15": _rows(
            "https://dl.k8s.io/release/v1.20.15/bin/",
            {
                "linux-x64": "linux/amd64/kubectl",
                "linux-arm64": "linux/arm64/kubectl",
                "linux-x64-musl": "linux/amd64/kubectl",
                "linux-arm64-musl": "linux/arm64/kubectl",
                "macos-x64": "darwin/amd64/kubectl",
                "windows-x64": "windows/amd64/kubectl.exe",
            },
            None,
            _exe("kubectl"),
        ),
        "1.2.7": _rows(
            "https://dl.k8s.io/release/v1.2.7/bin/",
            {
                "linux-x64": "linux/amd64/kubectl",
                "linux-x64-musl": "linux/amd64/kubectl",
                "macos-x64": "darwin/amd64/kubectl",
            },
            None,
            _exe("kubectl"),
        ),
    },
    "ruff": {
        "0.15.1": _release("astral-sh/ruff", "0.15.1", _packed("ruff-", _TRIPLES), None, _exe("ruff")),
        "0.4.10": _release(
            "astral-sh/ruff", "v0.4.10", _packed("ruff-0.4.10-", _TRIPLES), None, _exe("ruff")
        ),
        "0.1.7": _release(
            "astral-sh/ruff", "v0.1.7", _packed("ruff-", _but(_TRIPLES, "windows-arm64")), None, _exe("ruff")
        ),
    },
    "uv": {
        "0.9.7": _release("astral-sh/uv", "0.9.7", _packed("uv-", _TRIPLES), None, _exe("uv", "uvx")),
        "0.2.19": _release(
            "astral-sh/uv", "0.2.19", _packed("uv-", _but(_TRIPLES, "windows-arm64")), None, _exe("uv")
        ),
    },
    "gh": {
        "2.83.0": _release(
            "cli/cli",
            "v2.83.0",
            {
                "linux-x64": "gh_2.83.0_linux_amd64.tar.gz",
                "linux-arm64": "gh_2.83.0_linux_arm64.tar.gz",
                "linux-x64-musl": "gh_2.83.0_linux_amd64.tar.gz",
                "linux-arm64-musl": "gh_2.83.0_linux_arm64.tar.gz",
                "macos-x64": "gh_2.83.0_macOS_amd64.zip",
                "macos-arm64": "gh_2.83.0_macOS_arm64.zip",
                "windows-x64": "gh_2.83.0_windows_amd64.zip",
                "windows-arm64": "gh_2.83.0_windows_arm64.zip",
            },
            None,
            _exe("bin/gh"),
        ),
        "2.20.0": _release(
            "cli/cli",
            "v2.20.0",
            {
                "linux-x64": "gh_2.20.0_linux_amd64.tar.gz",
                "linux-arm64": "gh_2.20.0_linux_arm64.tar.gz",
                "linux-x64-musl": "gh_2.20.0_linux_amd64.tar.gz",
                "linux-arm64-musl": "gh_2.20.0_linux_arm64.tar.gz",
                "macos-x64": "gh_2.20.0_macOS_amd64.tar.gz",
                "windows-x64": "gh_2.20.0_windows_amd64.zip",
            },
            None,
            _exe("bin/gh"),
        ),
    },
    "jq": {
        "1.8.1": _release(
            "jqlang/jq",
            "jq-1.8.1",
            {
                "linux-x64": "jq-linux-amd64",
                "linux-arm64": "jq-linux-arm64",
                "linux-x64-musl": "jq-linux-amd64",
                "linux-arm64-musl": "jq-linux-arm64",
                "macos-x64": "jq-macos-amd64",
                "macos-arm64": "jq-macos-arm64",
                "windows-x64": "jq-windows-amd64.exe",
            },
            None,
            _exe("jq"),
        ),
        "1.7.1": _release(
            "jqlang/jq",
            "jq-1.7.1",
            {
                "linux-x64": "jq-linux-amd64",
                "linux-arm64": "jq-linux-arm64",
                "linux-x64-musl": "jq-linux-amd64",
                "linux-arm64-musl": "jq-linux-arm64",
                "macos-x64": "jq-macos-amd64",
                "macos-arm64": "jq-macos-arm64",
                "windows-x64": "jq-windows-amd64.exe",
            },
            None,
            _exe("jq"),
        ),
        "1.6": _release(
            "jqlang/jq",
            "jq-1.6",
            {
                "linux-x64": "jq-linux64",
                "linux-x64-musl": "jq-linux64",
                "macos-x64": "jq-osx-amd64",
                "windows-x64": "jq-win64.exe",
            },
            None,
            _exe("jq"),
        ),
    },
    "ripgrep": {
        "15.1.0": _release(
            "BurntSushi/ripgrep",
            "15.1.0",
            {
                "linux-x64": "ripgrep-15.1.0-x86_64-unknown-linux-musl.tar.gz",
                "linux-arm64": "ripgrep-15.1.0-aarch64-unknown-linux-gnu.tar.gz",
                "linux-x64-musl": "ripgrep-15.1.0-x86_64-unknown-linux-musl.tar.gz",
                "macos-x64": "ripgrep-15.1.0-x86_64-apple-darwin.tar.gz",
                "macos-arm64": "ripgrep-15.1.0-aarch64-apple-darwin.tar.gz",
                "windows-x64": "ripgrep-15.1.0-x86_64-pc-windows-msvc.zip",
                "windows-arm64": "ripgrep-15.1.0-aarch64-pc-windows-msvc.zip",
            },
            None,
            _exe("rg"),
        ),
        "13.0.0": _release(
            "BurntSushi/ripgrep",
            "13.0.0",
            {
                "linux-x64": "ripgrep-13.0.0-x86_64-unknown-linux-musl.tar.gz",
                "linux-x64-musl": "ripgrep-13.0.0-x86_64-unknown-linux-musl.tar.gz",
                "macos-x64": "ripgrep-13.0.0-x86_64-apple-darwin.tar.gz",
                "windows-x64": "ripgrep-13.0.0-x86_64-pc-windows-msvc.zip",
            },
            None,
            _exe("rg"),
        ),
    },
}
"""Archives by tool, version and platform; a platform without a row has no archive."""

UNSIGNED = {
    ("deno", "1.40.2"),
    ("deno", "1.5.4"),
    ("kubectl", "1.2.7"),
    ("jq", "1.6"),
    ("ripgrep", "13.0.0"),
}
"""Releases for which upstream publishes no digest."""

LISTINGS = {
    "nodejs": ("14.21.3", "20.1.0", "20.19.5", "22.21.1", "24.11.0", "26.1.0"),
    "python": (
        "3.10.13+20230826",
        "3.12.4+20240726",
        "3.12.12+20251014",
        "3.12.12+20251031",
        "3.14.0+20251031",
    ),
    "zig": ("0.9.1", "0.14.0", "0.14.1", "0.15.2", "0.16.0-dev.1234+abcdef012"),
    "go": ("1.15.15", "1.20", "1.21rc2", "1.21.0", "1.22.5", "1.25.4"),
    "java": (
        "temurin-8.0.422+5",
        "temurin-11.0.20.1+1",
        "temurin-17.0.12+7",
        "temurin-21.0.4+7",
        "temurin-24.0.2+12",
        "temurin-25.0.1+8",
    ),
    "deno": ("0.42.0", "1.5.4", "1.40.2", "1.46.3", "2.0.1", "2.9.2"),
    "bun": ("1.0.36", "1.3.10"),
    "terraform": ("1.0.1", "1.9.0", "1.13.5", "1.14.0-rc1"),
    "kubectl": (
        "1.2.7",
        "1.15.3",
        "1.20.15",
        "1.22.17",
        "1.34.1",
        "1.34.2",
        "1.35.0-alpha.3",
        "1.35.0-rc.1",
    ),
    "ruff": ("0.1.7", "0.4.10", "0.15.1"),
    "uv": ("0.2.19", "0.9.7"),
    "gh": ("2.20.0", "2.27.0", "2.83.0"),
    "jq": ("1.6", "1.7.1", "1.8.1"),
    "ripgrep": ("13.0.0", "15.1.0"),
}

ALIASES = {
    "nodejs": {
        "lts": "24.11.0",
        "lts/fermium": "14.21.3",
        "lts/iron": "20.19.5",
        "lts/jod": "22.21.1",
        "lts/krypton": "24.11.0",
    },
    "zig": {"master": "0.16.0-dev.1234+abcdef012"},
    "java": {"lts": "temurin-25.0.1+8"},
}

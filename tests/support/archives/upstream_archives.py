"""Archives of the built-in tools: real formats and layouts, small programs."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import dataclass

from support.archives.archive_builder import DATE, compress

HARD = "hard:"


@dataclass(frozen=True)
class Build:
    """One archive of a release: `file` is its name, `key` its first platform."""

    version: str
    key: str
    file: str

    @property
    def is_windows(self) -> bool:
        return self.key.startswith("windows")

    @property
    def is_macos(self) -> bool:
        return self.key.startswith("macos")

    @property
    def exe(self) -> str:
        return ".exe" if self.is_windows else ""

    @property
    def stem(self) -> str:
        """The file's name without its extension."""
        return self.file.removesuffix(".zip").removesuffix(".tar.gz").removesuffix(".tar.xz")


def archive(tool: str, build: Build) -> bytes:
    """Return the bytes that upstream would serve."""
    tree = TREES[tool](build)
    if build.file.endswith(".zip"):
        return _zip(tree)
    if build.file.endswith((".tar.gz", ".tar.xz")):
        return compress(_tar(tree), build.file[-2:])
    (program,) = tree.values()
    return program


def program(build: Build, version_output: str, command: str) -> bytes:
    """Return a program that prints its version, an exported variable (`printenv NAME`), or its arguments.

    Programs for Windows cannot be run.
    """
    if build.is_windows:
        return f"MZ {command} {build.version}\n".encode()
    return (
        "#!/bin/sh\n"
        'case "${1-}" in\n'
        f"  --version | -version | version) echo '{version_output}' ;;\n"
        '  printenv) eval "echo \\"\\${$2-}\\"" ;;\n'
        f'  *) echo "{command} {build.version} runs ${{1##*/}}" ;;\n'
        "esac\n"
    ).encode()


def _nodejs(build):
    top, modules = build.stem, "node_modules" if build.is_windows else "lib/node_modules"
    node = program(build, f"v{build.version}", "node")
    npm = {
        f"{top}/{modules}/npm/bin/npm-cli.js": b"#!/usr/bin/env node\nrequire('../lib/cli.js')(process)\n",
        f"{top}/{modules}/npm/bin/npx-cli.js": b"#!/usr/bin/env node\nrequire('../lib/cli.js')\n",
        f"{top}/{modules}/npm/package.json": b'{"name": "npm"}',
        f"{top}/LICENSE": b"MIT\n",
    }
    if build.is_windows:
        scripts = {f"{top}/{name}": b"batch\r\n" for name in ("npm", "npm.cmd", "npx", "npx.cmd")}
        return {f"{top}/node.exe": node, **scripts, **npm}
    return {
        f"{top}/bin/node": node,
        f"{top}/bin/npm": "../lib/node_modules/npm/bin/npm-cli.js",
        f"{top}/bin/npx": "../lib/node_modules/npm/bin/npx-cli.js",
        f"{top}/include/node/node.h": b"",
        f"{top}/share/man/man1/node.1": b"",
        **npm,
    }


def _python(build):
    short = ".".join(build.version.split(".")[:2])
    python = program(build, f"Python {build.version.partition('+')[0]}", "python")
    if build.is_windows:
        names = (
            "python.exe",
            "pythonw.exe",
            "python3.dll",
            "DLLs/_ssl.pyd",
            "Lib/os.py",
            "tcl/tcl8.6/init.tcl",
        )
        return {f"python/{name}": python for name in names}
    terminfo = {"python/share/terminfo/E/Eterm": b"e", "python/share/terminfo/e/eterm-color": b"E"}
    return {
        f"python/bin/python{short}": python,
        "python/bin/python3": f"python{short}",
        "python/bin/python": f"python{short}",
        "python/bin/pip3": b"#!/bin/sh\n'''exec' \"$(dirname -- \"$0\")/python3\" \"$0\" \"$@\"\n' '''\n",
        f"python/lib/libpython{short}.so": f"libpython{short}.so.1.0",
        f"python/lib/libpython{short}.so.1.0": b"\x7fELF",
        f"python/lib/python{short}/os.py": b"",
        f"python/include/python{short}/Python.h": b"",
        **({} if build.is_macos else terminfo),
    }


def _zig(build):
    files = {f"zig{build.exe}": program(build, build.version, "zig"), "lib/std/std.zig": b"", "LICENSE": b""}
    return {f"{build.stem}/{name}": content for name, content in files.items()}


def _go(build):
    version_output = f"go version go{build.version} {build.key.replace('x64', 'amd64').replace('-', '/')}"
    return {
        "go/VERSION": f"go{build.version}\n".encode(),
        f"go/bin/go{build.exe}": program(build, version_output, "go"),
        f"go/bin/gofmt{build.exe}": program(build, version_output, "gofmt"),
        "go/src/fmt/print.go": b"package fmt\n",
        f"go/pkg/tool/here/compile{build.exe}": b"\x7fELF",
    }


def _java(build):
    number = build.version.removeprefix("temurin-")
    home = f"jdk-{number}/Contents/Home" if build.is_macos else f"jdk-{number}"
    version_output = f'openjdk version "{number.partition("+")[0]}" 2024-07-16 LTS'
    files = {
        f"{home}/bin/java{build.exe}": program(build, version_output, "java"),
        f"{home}/bin/javac{build.exe}": program(build, f"javac {number}", "javac"),
        f"{home}/lib/modules": b"",
        f"{home}/release": b'IMPLEMENTOR="Eclipse Adoptium"\n',
        f"{home}/legal/java.base/LICENSE": b"GPL\n",
    }
    if build.is_macos:
        outer = f"jdk-{number}/Contents"
        files |= {f"{outer}/Info.plist": b"<plist/>", f"{outer}/MacOS/libjli.dylib": b"\xcf\xfa"}
    if not build.is_windows:
        files[f"{home}/legal/java.xml/LICENSE"] = "../java.base/LICENSE"
    return files


def _deno(build):
    return {f"deno{build.exe}": program(build, f"deno {build.version} (stable, release)", "deno")}


def _bun(build):
    return {f"{build.stem}/bun{build.exe}": program(build, build.version, "bun")}


def _terraform(build):
    version_output = program(build, f"Terraform v{build.version}", "terraform")
    return {"LICENSE.txt": b"BUSL\n", f"terraform{build.exe}": version_output}


def _kubectl(build):
    return {"": program(build, f"Client Version: v{build.version}", "kubectl")}


def _jq(build):
    return {"": program(build, f"jq-{build.version}", "jq")}


def _ruff(build):
    is_flat = build.is_windows or build.version in {"0.4.10", "0.1.7"}
    return _flat_or_not(build, {"ruff"}, "ruff", is_flat)


def _uv(build):
    commands = {"uv"} if build.version == "0.2.19" else {"uv", "uvx"}
    return _flat_or_not(build, commands, "uv", build.is_windows)


def _flat_or_not(build, commands, tool, is_flat):
    top = "" if is_flat else f"{build.stem}/"
    version_output = f"{tool} {build.version}"
    return {
        f"{top}{command}{build.exe}": program(build, version_output, command) for command in sorted(commands)
    }


def _gh(build):
    top = "" if build.is_windows else f"{build.stem}/"
    return {
        f"{top}LICENSE": b"MIT\n",
        f"{top}bin/gh{build.exe}": program(build, f"gh version {build.version} (2025-11-04)", "gh"),
        **({} if build.is_windows else {f"{top}share/man/man1/gh.1": b""}),
    }


def _ripgrep(build):
    top = build.stem
    return {
        f"{top}/rg{build.exe}": program(build, f"ripgrep {build.version} (rev af6b6c543b)", "rg"),
        f"{top}/complete/_rg": b"#compdef rg\n",
        f"{top}/doc/rg.1": b"",
        f"{top}/COPYING": f"{HARD}{top}/doc/rg.1" if top.endswith("musl") else b"",
    }


TREES = {
    "nodejs": _nodejs,
    "python": _python,
    "zig": _zig,
    "go": _go,
    "java": _java,
    "deno": _deno,
    "bun": _bun,
    "terraform": _terraform,
    "kubectl": _kubectl,
    "ruff": _ruff,
    "uv": _uv,
    "gh": _gh,
    "jq": _jq,
    "ripgrep": _ripgrep,
}
"""Contents of an archive by tool: bytes, or the target of a link."""


def _mode(content: bytes) -> int:
    return 0o755 if content[:2] in {b"#!", b"MZ"} else 0o644


def _tar(tree: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in sorted(tree.items(), key=lambda item: isinstance(item[1], str)):
            tar.addfile(*_member(path, content))
    return buffer.getvalue()


def _member(path: str, content: bytes | str) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    entry = tarfile.TarInfo(path)
    entry.mtime = DATE
    if isinstance(content, bytes):
        entry.size, entry.mode = len(content), _mode(content)
        return entry, io.BytesIO(content)
    entry.type = tarfile.LNKTYPE if content.startswith(HARD) else tarfile.SYMTYPE
    entry.linkname, entry.mode = content.removeprefix(HARD), 0o777
    return entry, None


def _zip(tree: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path, content in tree.items():
            entry = zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0))
            is_link = isinstance(content, str)
            entry.create_system = 3
            entry.external_attr = (0o120777 if is_link else 0o100000 | _mode(content)) << 16
            zipped.writestr(entry, content)
    return buffer.getvalue()

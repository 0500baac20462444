"""A user's machine in a directory: a home, a project, tools on a local server, and the real `envmgr`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.archives import archive_builder
from support.forked_processes import ForkServer
from support.waiting import PROCESS_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from support.http.fault_server import Server

ENVMGR = shutil.which("envmgr", path=sysconfig.get_path("scripts")) or "envmgr"
_LOCALE = {"LANG": "C.UTF-8"}
FORK_SERVER = ForkServer(
    (
        "concurrent.futures",
        "email.parser",
        "envmgr.kit.http.client",
        "filelock",
        "httpx",
        "jmespath",
        "jsonschema",
        "packaging.tags",
        "platformdirs",
        "rich.console",
        "rich.progress",
        "rich.table",
        "ssl",
        "tarfile",
        "tempfile",
        "tomllib",
        "truststore",
        "typer",
        "zipfile",
    ),
    _LOCALE,
)
"""Has libraries that a run of envmgr may import, but not its own modules, which import what they need by themselves."""
_FAST_COMMANDS = {
    "--version",
    "activate",
    "current",
    "env",
    "exec",
    "hook",
    "list",
    "version",
    "where",
    "which",
}
_FAST_OPTIONS = {"--help", "-h"}
"""What imports no library and ends at once: a new interpreter takes less time for it than a fork."""
PLATFORMS = (
    "linux-x64",
    "linux-arm64",
    "linux-x64-musl",
    "linux-arm64-musl",
    "macos-x64",
    "macos-arm64",
    "windows-x64",
    "windows-arm64",
)


@dataclass(frozen=True)
class Result:
    """The result of a run of envmgr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """Return standard output as a JSON document."""
        return json.loads(self.out)


@dataclass
class Sandbox:
    """Runs envmgr with everything below `root`."""

    root: Path
    server: Server
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.project.mkdir(parents=True)
        self.user_home.mkdir()

    @property
    def project(self) -> Path:
        """The working directory of every run."""
        return self.root / "project"

    @property
    def home(self) -> Path:
        """ENVMGR_HOME."""
        return self.root / "home"

    @property
    def user_home(self) -> Path:
        """HOME."""
        return self.root / "user"

    @property
    def shims(self) -> Path:
        """The directory of shims, which is on PATH."""
        return self.home / "shims"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every run."""
        return {
            "HOME": str(self.user_home),
            "ENVMGR_HOME": str(self.home),
            "PATH": os.pathsep.join([str(self.shims), os.path.dirname(ENVMGR), "/usr/bin", "/bin"]),
            **_LOCALE,
            "TERM": "xterm",
            **self.variables,
        }

    def run(
        self,
        *arguments: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout: float = PROCESS_TIMEOUT_SECONDS,
    ) -> Result:
        """Run envmgr and wait for it."""
        return self.command([ENVMGR, *arguments], cwd=cwd, env=env, stdin=stdin, timeout=timeout)

    def command(
        self,
        words: list[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout: float = PROCESS_TIMEOUT_SECONDS,
    ) -> Result:
        """Run any command in the sandbox and wait for it."""
        environment = {**self.environment, **(env or {})}
        directory = cwd or self.project
        if _is_forkable(words, environment):
            result = FORK_SERVER.run(
                words, environment, stdin=stdin or "", directory=directory, timeout=timeout
            )
        else:
            result = subprocess.run(
                words,
                cwd=directory,
                env=environment,
                input=stdin or "",
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=timeout,
                check=False,
            )
        return Result(result.returncode, result.stdout, result.stderr)

    def ok(self, *arguments: str, **options: object) -> Result:
        """Run envmgr, which must succeed."""
        result = self.run(*arguments, **options)
        assert result.code == 0, f"envmgr {' '.join(arguments)}: {result}"
        return result

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start envmgr in a session of its own; the caller terminates it."""
        return subprocess.Popen(
            [ENVMGR, *arguments],
            cwd=self.project,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def write(self, *lines: str) -> None:
        """Write the project's .envmgr."""
        (self.project / ".envmgr").write_text("".join(f"{line}\n" for line in lines))

    @property
    def lock(self) -> dict:
        """The project's lock."""
        return json.loads((self.project / ".envmgr.lock").read_text())

    def publish(
        self,
        name: str,
        versions: Iterable[str] = ("1.0.0", "1.1.0", "2.0.0"),
        *,
        commands: Iterable[str] = (),
        ballast: int = 0,
        sums: bool = True,
    ) -> None:
        """Add a tool's index, archives and sums to the server, and its manifest to the user's plugins."""
        index = []
        for version in versions:
            self._publish_version(name, version, tuple(commands) or (name,), ballast, sums)
            index.append({"version": f"v{version}", "date": "2024-01-01"})
        self.server.add_json(f"/{name}/index.json", index)
        self.add_manifest(self.manifest(name, tuple(commands) or (name,), sums=sums))

    def _publish_version(
        self, name: str, version: str, commands: tuple[str, ...], ballast: int, sums: bool
    ) -> None:
        lines = []
        for platform in PLATFORMS:
            top = f"{name}-{version}-{platform}"
            files = {
                f"{top}/bin/{command}": archive_builder.program(command, version) for command in commands
            }
            files |= {f"{top}/share/{number}": os.urandom(1 << 16) for number in range(ballast)}
            content = archive_builder.tar(files)
            self.server.add(f"/{name}/{version}/{top}.tar.gz", content)
            lines.append(f"{archive_builder.sha256(content)}  {top}.tar.gz\n")
        if sums:
            self.server.add(f"/{name}/{version}/SHA256SUMS", "".join(lines))

    def manifest(self, name: str, commands: tuple[str, ...], *, sums: bool = True) -> dict[str, object]:
        """Return the manifest of a tool that `publish` added to the server."""
        base = f"{self.server.url}/{name}"
        document: dict[str, object] = {
            "name": name,
            "versions_url": f"{base}/index.json",
            "versions": {"version": "version", "date": "date", "prefix": "v"},
            "libc": {"gnu": "", "musl": "-musl"},
            "download_url_template": f"{base}/{{version}}/{name}-{{version}}-{{os}}-{{arch}}{{libc}}.tar.gz",
            "format": "tar.gz",
            "bin": [f"bin/{command}" for command in commands],
        }
        if sums:
            document["checksum"] = {"url_template": f"{base}/{{version}}/SHA256SUMS", "format": "sums"}
        return document

    def add_manifest(self, document: dict[str, object]) -> Path:
        """Add a manifest to the user's plugins."""
        path = self.home / "plugins" / f"{document['name']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2))
        return path

    def staged(self) -> list[Path]:
        """Return the files of unfinished installations."""
        staging = self.home / "staging"
        return [path for path in staging.iterdir() if path.is_dir()] if staging.is_dir() else []

    def incomplete(self) -> list[Path]:
        """Return installed versions without a receipt, which must never exist."""
        return [
            version
            for version in (self.home / "installs").glob("*/*")
            if not (version / ".envmgr-receipt.json").is_file()
        ]


def _is_forkable(words: list[str], environment: dict[str, str]) -> bool:
    """Return whether a command is one of envmgr that takes less time when it is forked."""
    is_fast = words[1:2] and words[1] in _FAST_COMMANDS and "--remote" not in words
    if words[0] != ENVMGR or is_fast or _FAST_OPTIONS.intersection(words):
        return False
    return FORK_SERVER.can_run(environment)


PYTHON = sys.executable

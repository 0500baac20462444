"""Installed tools without the installer, with real shims, for tests of running commands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from envmgr.install import receipt as receipts
from envmgr.install.receipt import Receipt
from envmgr.kit import paths as paths_module
from envmgr.kit import platform
from envmgr.kit.environment import Environment
from envmgr.kit.frozen import replace
from envmgr.kit.fs import remove_tree
from envmgr.ops import reshim
from envmgr.resolve.context import Context
from envmgr.shells import plan, quoting, shim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SHELLS: dict[str, tuple[str, ...]] = {
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "zsh": ("zsh", "--emulate", "sh"),
}
IDENTITY = '#!/bin/sh\necho "{tool} {version} {command}"\n'


class Toolbox:
    """A root of envmgr, a project, and shims whose slow path is logged."""

    def __init__(self, directory: Path, root: str = "root") -> None:
        self.directory = directory
        self.root = directory / root
        self.project = directory / "project"
        self.project.mkdir(parents=True)
        self.paths = paths_module.single_root(str(self.root))
        self.log = directory / "slow.log"
        self.variables = {
            "PATH": f"{self.paths.shims}:{os.environ['PATH']}",
            "HOME": str(directory),
            "ENVMGR_FALLTHROUGH": "false",  # the machine's PATH may have commands of the same names
        }

    def install(
        self,
        tool: str,
        version: str,
        commands: Mapping[str, str] | Sequence[str],
        env: Mapping[str, str] | None = None,
        requires: Sequence[str] = (),
    ) -> Path:
        """Create an installation; commands without a script print their names."""
        home = self.directory.__class__(self.paths.install(tool, version))
        (home / "bin").mkdir(parents=True)
        for name in commands:
            script = commands[name] if isinstance(commands, dict) else IDENTITY
            for field, value in {"tool": tool, "version": version, "command": name}.items():
                script = script.replace(f"{{{field}}}", value)
            program(home / "bin" / name, script)
        receipt = replace(new_receipt(tool, version), env=dict(env or {}), requires=tuple(requires))
        receipts.write(str(home), receipt)
        return home

    def uninstall(self, tool: str, version: str) -> None:
        """Remove an installation without updating the shims."""
        remove_tree(self.paths.install(tool, version))

    def request(self, text: str, directory: Path | None = None) -> Path:
        """Write a dotfile with a time some seconds ago, as some shells compare whole seconds."""
        file = (directory or self.project) / ".envmgr"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (time.time() - 5, time.time() - 5))
        self.wait_for_clock()
        return file

    def wait_for_clock(self) -> None:
        """Wait until the clock of file times has advanced."""
        probe = self.directory / "probe"
        probe.touch()
        before = probe.stat().st_mtime_ns
        limit = time.monotonic() + 5
        while probe.stat().st_mtime_ns == before and time.monotonic() < limit:
            probe.touch()

    def context(self, cwd: Path | None = None, **variables: str) -> Context:
        """Return the context of a run."""
        environment = Environment({**self.variables, **variables}, str(cwd or self.project))
        return Context(environment, self.paths, platform.current())

    def reshim(self) -> None:
        """Write the shims; each start of their Python is logged in `log`."""
        wrapper = self.write_python()
        shim_context = replace(shim.shim_context(self.paths), python=str(wrapper))
        plan.invalidate_all(self.paths)
        shim.rewrite(
            self.paths.shims,
            shim.files(shim_context, reshim.required_commands(self.context())),
        )

    def write_python(self) -> Path:
        """Write a Python whose starts are logged in `log`; return its path."""
        wrapper, log = self.directory / "python", quoting.posix(str(self.log))
        if not wrapper.exists():
            program(wrapper, f'#!/bin/sh\necho slow >>{log}\nexec "{sys.executable}" "$@"\n')
        return wrapper

    def shim(self, command: str) -> str:
        """Return the path of a shim."""
        return os.path.join(self.paths.shims, command)

    def run(
        self, *words: str | bytes, cwd: Path | None = None, clean: bool = False, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; PWD is set as a shell in that directory sets it."""
        directory = str(cwd or self.project)
        inherited = {} if clean else {"LANG": "C.UTF-8"}
        return subprocess.run(
            words,
            cwd=directory,
            env={**inherited, **self.variables, "PWD": directory, **variables},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=60,
        )

    def output(self, command: str, cwd: Path | None = None, **variables: str) -> str:
        """Run a shim, which must succeed, and return its output."""
        result = self.run(self.shim(command), cwd=cwd, **variables)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def slow_runs(self) -> int:
        """Return the number of starts of Python since the last call."""
        count = len(self.log.read_text().splitlines()) if self.log.exists() else 0
        self.log.unlink(missing_ok=True)
        return count

    def is_fast(self, command: str, cwd: Path | None = None, **variables: str) -> bool:
        """Return whether a shim runs by its plan, without Python."""
        self.slow_runs()
        self.output(command, cwd, **variables)
        return self.slow_runs() == 0


def program(path: Path, script: str) -> Path:
    """Write an executable script."""
    path.write_bytes(os.fsencode(script))
    path.chmod(0o755)
    return path


def new_receipt(tool: str, version: str) -> Receipt:
    """Return the receipt of an installation without files."""
    return Receipt(
        tool=tool,
        version=version,
        url=f"https://example.invalid/{tool}-{version}.tar.gz",
        sha256="0" * 64,
        size=1,
        plugin="sha256:" + "0" * 64,
        platform=platform.current().key,
        installed_at="2026-01-01T00:00:00Z",
        bin_dirs=("bin",),
        home="",
        env={},
        files=0,
        bytes=0,
        files_digest="",
    )

"""Windows programs, started with command lines as Windows passes them: by Wine, or by Windows itself.

Wine gets a directory of its own, with links to its libraries: its set-up would copy 700 MB.
"""

from __future__ import annotations

import glob
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from support.requirements import needs

if TYPE_CHECKING:
    from types import ModuleType

CHECKOUT = Path(__file__).parents[3]
SOURCES = Path(__file__).parents[1] / "programs" / "windows"
IS_WINDOWS = sys.platform == "win32"
_TOOLS = CHECKOUT / ".demo"
_LIBRARIES = next(iter(glob.glob("/usr/lib/*/wine/x86_64-windows")), "") if shutil.which("wine") else ""
PATIENCE_SECONDS = 60

needs_windows = (
    needs(IS_WINDOWS or _LIBRARIES, "Wine")
    if platform.machine() in {"x86_64", "AMD64"}
    else pytest.mark.skip(reason="the programs of the tests are for x86-64")
)
HAS_ZIG = (_TOOLS / "installs" / "zig").is_dir()
needs_zig = needs(HAS_ZIG, "the Zig compiler (`make zig`)")


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a program; Wine returns only the low byte of the code."""

    code: int
    out: str
    error: str


class WindowsMachine:
    """A directory for programs, and Windows or Wine to run them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.variables = _windows_variables() if IS_WINDOWS else _prepare_wine(directory / "wine")
        self.launcher = build(SOURCES / "launch.c", directory / "launch.exe")

    def __enter__(self) -> Self:
        if not IS_WINDOWS:
            self._start_wine()
        return self

    def _start_wine(self) -> None:
        """Start Wine's server, for as long as it is in use, and its services; these would keep pipes open."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        for command in (["wineserver", f"-p{PATIENCE_SECONDS}"], ["wine", "cmd.exe", "/c", "exit"]):
            subprocess.run(command, env=self.variables, check=True, **streams)

    def __exit__(self, *_: object) -> None:
        if not IS_WINDOWS:
            subprocess.run(["wineserver", "-k"], env=self.variables, check=False)
            subprocess.run(["wineserver", "-w"], env=self.variables, check=True, timeout=PATIENCE_SECONDS)

    def launch(
        self, command_line: str, *, data: bytes = b"", cwd: Path | None = None, **variables: str
    ) -> Outcome:
        """Run a program with a command line, which is not quoted further."""
        return self.start(self.launcher, data=data, cwd=cwd, LAUNCH=command_line, **variables)

    def start(
        self,
        program: Path,
        *arguments: str,
        data: bytes = b"",
        cwd: Path | None = None,
        **variables: str,
    ) -> Outcome:
        """Run a program as Python does."""
        words = [f"\\\\?\\{program}"] if IS_WINDOWS else ["wine", str(program)]
        result = subprocess.run(
            [*words, *arguments],
            cwd=cwd or self.directory,
            env={**self.variables, **variables},
            input=data,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Outcome(result.returncode, result.stdout.decode(), result.stderr.decode())

    def interrupt(self, program: Path, file: Path, **variables: str) -> Outcome:
        """Run a program at a terminal, and press Ctrl-C when a file is there."""
        controller, terminal = os.openpty()
        with subprocess.Popen(
            ["wine", str(program)],
            cwd=self.directory,
            env={**self.variables, **variables},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one thread, and only a system call
        ) as process:
            os.close(terminal)
            _wait_for(file)
            os.write(controller, b"\x03")
            code = process.wait(PATIENCE_SECONDS)
        os.close(controller)
        return Outcome(code, "", "")


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} was not written"
        time.sleep(0.02)


def windows_path(path: Path) -> str:
    """Return a path as Windows programs read it."""
    return str(path) if IS_WINDOWS else f"Z:{path}".replace("/", "\\")


def _windows_variables() -> dict[str, str]:
    """Return the variables of this process without those of envmgr, nor its directory on PATH."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ENVMGR_")}
    return {**inherited, "PATH": os.path.join(os.environ["SYSTEMROOT"], "System32")}


def _prepare_wine(prefix: Path) -> dict[str, str]:
    """Create Wine's directory; return the variables that it needs."""
    system = prefix / "drive_c" / "windows" / "system32"
    system.mkdir(parents=True)
    for library in Path(_LIBRARIES).iterdir():
        (system / library.name).symlink_to(library)
    drives = prefix / "dosdevices"
    drives.mkdir()
    (drives / "c:").symlink_to("../drive_c")
    (drives / "z:").symlink_to("/")
    (prefix / ".update-timestamp").write_text("disable\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(prefix),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
    }


def build(source: Path, output: Path) -> Path:
    """Compile a program; return its path."""
    _builder().compile_program(zig(), source, output)
    return output


def build_shim(directory: Path) -> bytes:
    """Return the shim that is a program, as the wheel has it."""
    source = shutil.copy(CHECKOUT / "shims" / "windows.c", directory)
    script = CHECKOUT / "scripts" / "build_windows_shims.py"
    subprocess.run([sys.executable, str(script), "--zig", str(zig()), source], check=True)
    return (directory / "windows-x64.exe").read_bytes()


def zig() -> Path:
    """Return the path of the compiler, which envmgr installed."""
    command = [sys.executable, "-m", "envmgr", "which", "zig"]
    variables = {**os.environ, "ENVMGR_HOME": str(_TOOLS)}
    result = subprocess.run(command, cwd=CHECKOUT, env=variables, capture_output=True, text=True, check=True)
    return Path(result.stdout.strip())


def _builder() -> ModuleType:
    path = CHECKOUT / "scripts" / "build_windows_shims.py"
    spec = importlib.util.spec_from_file_location("build_windows_shims", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

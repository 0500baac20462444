"""Interactive shells at a terminal, which run the activation script of a toolbox."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.kit.frozen import replace
from envmgr.ops import activation
from envmgr.shells import quoting
from envmgr.shells.activation.script import render_script, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from support.machine.installed_tools import Toolbox

READY = "<ready>"
"""The prompt of every session."""


@dataclass(frozen=True)
class Dialect:
    """A shell: how it is started without start files, and the syntax that tests need."""

    name: str
    words: tuple[str, ...]
    prompt: str
    source: Callable[[Path], str]
    export: Callable[[str, str], str]
    prepend: Callable[[str], str]


def _posix_source(path: Path) -> str:
    return f". {quoting.posix(str(path))}"


def _posix_export(name: str, value: str) -> str:
    return f"export {name}={quoting.posix(value)}"


def _posix_prepend(directory: str) -> str:
    return f"PATH={quoting.posix(directory)}:$PATH"


DIALECTS = {
    "bash": Dialect(
        "bash",
        ("bash", "--norc", "--noprofile", "--noediting", "-i"),
        f"PS1='{READY}' PS2=",
        _posix_source,
        _posix_export,
        _posix_prepend,
    ),
    "zsh": Dialect(
        "zsh",
        ("zsh", "-f", "-i", "-o", "no_zle", "-o", "no_prompt_sp", "-o", "no_prompt_cr"),
        f"PROMPT='{READY}' PROMPT2= RPROMPT=",
        _posix_source,
        _posix_export,
        _posix_prepend,
    ),
}
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[=>()][0-9A-B]?|[\r\x07]")


class ShellSession:
    """A shell at a terminal without echo: each command line returns what it and the next prompt print."""

    def __init__(self, dialect: Dialect, cwd: Path, env: Mapping[str, str]) -> None:
        self.dialect = dialect
        self.name = dialect.name
        self._controller, terminal = os.openpty()
        attributes = termios.tcgetattr(terminal)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        self.process = subprocess.Popen(
            dialect.words,
            cwd=cwd,
            env=env,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)

    def start(self, *lines: str) -> str:
        """Run the first lines and set the prompt; return what they print."""
        self._send("; ".join((*lines, self.dialect.prompt)))
        return self._read()

    def run(self, line: str) -> str:
        """Run a command line; return what it and the next prompt print."""
        self._send(line)
        return self._read()

    def variable(self, name: str) -> str | None:
        """Return the value of an exported variable, None if it is unset."""
        text = self.run(f"printenv {name} || echo '<unset>'")
        return None if text == "<unset>" else text

    def enter_nested(self, script: Path) -> None:
        """Start an activated shell of the same kind inside this one."""
        words = " ".join(quoting.posix(word) for word in self.dialect.words)
        self._send(words)
        self.start(self.dialect.source(script))

    def _send(self, line: str) -> None:
        os.write(self._controller, os.fsencode(line + "\n"))

    def _read(self, seconds: float = 30) -> str:
        output, limit = b"", time.monotonic() + seconds
        while READY.encode() not in output:
            left = limit - time.monotonic()
            assert left > 0, f"no prompt after {output!r}"
            if select.select([self._controller], [], [], left)[0]:
                output += self._read_block(output)
        text = output.decode(errors="surrogateescape")
        return _ESCAPES.sub("", text[: text.rindex(READY)]).strip("\n")

    def _read_block(self, output: bytes) -> bytes:
        try:
            block = os.read(self._controller, 1 << 16)
        except OSError:
            block = b""
        assert block, f"the shell ended after {output!r}"
        return block

    def close(self) -> None:
        """End the shell and all that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._controller)


def write_script(box: Toolbox, shell: str) -> Path:
    """Write the activation script of a shell; each start of its Python is logged in `box.log`."""
    values = replace(values_of(box.paths), python=str(box.write_python()))
    path = box.directory / f"activate.{shell}"
    path.write_bytes(os.fsencode(render_script(activation.shell_named(shell), values)))
    return path

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
from envmgr.shells import quoting, shim
from envmgr.shells.activation import elvish, fish, nu
from envmgr.shells.activation.script import render_script
from support.machine.installed_tools import program
from support.machine.shells import find_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from support.machine.installed_tools import Toolbox

READY = "<ready>"
"""The prompt of shells without echo."""
BEGIN = "<begin>"
"""The line before the output of a command, in shells with echo."""


@dataclass(frozen=True)
class Dialect:
    """A shell: how it is started without the user's start files, and the syntax that tests need.

    `start_file` is code that sets the prompt; its path is added to `words`. `typed` is how a line is entered.
    Shells with a start file echo what is typed: they print BEGIN before they run a line, and number their prompts.
    """

    name: str
    words: tuple[str, ...]
    prompt: str
    source: Callable[[Path], str]
    export: Callable[[str, str], str]
    prepend: Callable[[str], str]
    start_file: str = ""
    typed: str = "{}\n"
    enter: Callable[[str], str] = lambda name: "cd ./*"  # noqa: ARG005 - the only directory, for shells that expand this


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
    "fish": Dialect(
        "fish",
        ("fish", "--no-config", "--interactive", "--init-command"),
        "",
        lambda path: f"source {fish.quote(str(path))}",
        lambda name, value: f"set -gx {name} {fish.quote(value)}",
        lambda directory: f"set -gx PATH {fish.quote(directory)} $PATH",
        f"""
function print_begin --on-event fish_preexec; echo '{BEGIN}'; end
function fish_prompt; set -g number (math 0$number + 1); echo "<ready $number>"; end
""",
    ),
    "xonsh": Dialect(
        "xonsh",
        ("xonsh", "--interactive", "--shell-type", "readline", "--rc"),
        "",
        lambda path: f"execx(open({str(path)!r}).read())",
        lambda name, value: f"${name} = {value!r}",
        lambda directory: f"$PATH.insert(0, {directory!r})",
        f"""
import itertools
numbers = itertools.count(1)
$XONSH_HISTORY_BACKEND = 'dummy'
$PROMPT = lambda: f'<ready {{next(numbers)}}>'
@events.on_precommand
def print_begin(cmd, **_):
    print('{BEGIN}', flush=True)
""",
        enter=lambda name: f"cd @({'./' + name!r})",
    ),
    "nu": Dialect(
        "nu",
        ("nu", "--no-history", "--no-std-lib", "--env-config", os.devnull, "--config"),
        "",
        lambda path: f"$env.config.hooks.pre_prompt ++= [{{ code: (open --raw {nu.quote(str(path))}) }}]",
        lambda name, value: f"$env.{name} = {nu.quote(value)}",
        lambda directory: f"$env.PATH = $env.PATH | prepend {nu.quote(directory)}",
        f"""
$env.prompts = [0] # a list, which programs do not inherit
$env.PROMPT_COMMAND = {{|| $"<ready ($env.prompts.0)>" }}
$env.PROMPT_COMMAND_RIGHT = ''
$env.PROMPT_INDICATOR = ''
$env.config.show_banner = false
$env.config.use_ansi_coloring = false
$env.config.shell_integration.osc2 = false
$env.config.shell_integration.osc7 = false
$env.config.shell_integration.osc133 = false
$env.config.hooks.pre_prompt = [{{|| $env.prompts = [($env.prompts.0 + 1)] }}]
$env.config.hooks.pre_execution = [{{|| print '{BEGIN}' }}]
""",
        "\x1b[200~{}\x1b[201~\r",  # as pasted: else the whole line is printed again for each character
        enter=lambda name: f"cd {nu.quote(name)}",
    ),
    "elvish": Dialect(
        "elvish",
        ("elvish", "-rc"),
        "",
        lambda path: f"eval (slurp < {elvish.quote(str(path))}); ready-last",
        lambda name, value: f"set-env {name} {elvish.quote(value)}",
        lambda directory: f"set paths = [{elvish.quote(directory)} $@paths]",
        f"""
var number = 0
fn ready {{ set number = (+ $number 1); echo '<ready '$number'>' }}
fn ready-last {{
    var others = [(each {{|hook| if (not-eq $hook $ready~) {{ put $hook }} }} $edit:before-readline)]
    set edit:before-readline = [$@others $ready~]
}}
ready-last
set edit:after-readline = [{{|line| echo '{BEGIN}' }}]
""",
        "{}\r",
    ),
}

CURSOR_QUERY, CURSOR_POSITION = b"\x1b[6n", b"\x1b[1;1R"
"""What line editors ask of a terminal before they print a prompt, and an answer."""
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[=>()78][0-9A-B]?|[\r\x07]"
)
_NO_LINE_FEED = re.compile("⏎ +⏎ ")
"""fish's mark of output without a line feed, which follows all output here."""


class ShellSession:
    """A shell at a terminal without echo: each command line returns what it and the next prompt print."""

    def __init__(self, dialect: Dialect, cwd: Path, env: Mapping[str, str], files: Path) -> None:
        self.dialect = dialect
        self.name = dialect.name
        self._prompts = self._outer_prompts = 0
        self._show = files / "show-variable"
        program(self._show, '#!/bin/sh\nprintenv "$1" || echo "<unset>"\n')
        self._words = self._start_words(files)
        self._controller, terminal = os.openpty()
        attributes = termios.tcgetattr(terminal)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        opening = 'exec <"$0" >"$0" 2>&1; exec "$@"'  # which makes it the controlling terminal of the session
        words = ("sh", "-c", opening, os.ttyname(terminal), *self._words)
        self.process = subprocess.Popen(words, cwd=cwd, env=env, stdin=terminal, start_new_session=True)
        os.close(terminal)

    def _start_words(self, files: Path) -> tuple[str, ...]:
        """Return the words that start the shell, with its start file."""
        words = (find_shell(self.name) or self.name, *self.dialect.words[1:])
        if not self.dialect.start_file:
            return words
        path = files / f"start.{self.name}"
        path.write_text(self.dialect.start_file)
        return (*words, f"source {path}" if self.name == "fish" else str(path))

    def start(self, *lines: str) -> str:
        """Run the first lines, and set the prompt; return what they print."""
        if self.dialect.start_file:
            self._read()
        self._send("; ".join((*lines, self.dialect.prompt) if self.dialect.prompt else lines))
        return self._read()

    def run(self, line: str) -> str:
        """Run a command line; return what it and the next prompt print."""
        self._send(line)
        return self._read()

    def variable(self, name: str) -> str | None:
        """Return the value of an exported variable, None if it is unset."""
        text = self.run(f"{self._show} {name}").rpartition("\n")[
            2
        ]  # `sh` complains of a removed directory before
        return None if text == "<unset>" else text

    def enter_nested(self, script: Path) -> None:
        """Start an activated shell of the same kind inside this one."""
        self._outer_prompts, self._prompts = self._prompts, 0
        self._send(" ".join(quoting.posix(word) if " " in word else word for word in self._words))
        self.start(self.dialect.source(script))

    def leave_nested(self) -> str:
        """End the inner shell; return what it and the next prompt print."""
        self._prompts = self._outer_prompts
        return self.run("exit")

    def _send(self, line: str) -> None:
        os.write(self._controller, os.fsencode(self.dialect.typed.format(line)))

    def _read(self, seconds: float = 60) -> str:
        self._prompts += 1
        ready = f"<ready {self._prompts}>" if self.dialect.start_file else READY
        output, limit = b"", time.monotonic() + seconds
        while ready.encode() not in output:
            left = limit - time.monotonic()
            assert left > 0, f"no prompt after {output!r}"
            if select.select([self._controller], [], [], left)[0]:
                output += self._read_block(output)
                self._answer_query(output)
        text = _NO_LINE_FEED.sub("", _ESCAPES.sub("", output.decode(errors="surrogateescape")))
        text = text[: text.rindex(ready)]
        for start in (f"<ready {self._prompts - 1}>", BEGIN) if self.dialect.start_file else ():
            text = text.rpartition(start)[2]
        return text.strip("\n")

    def _read_block(self, output: bytes) -> bytes:
        try:
            block = os.read(self._controller, 1 << 16)
        except OSError:
            block = b""
        assert block, f"the shell ended after {output!r}"
        return block

    def _answer_query(self, output: bytes) -> None:
        if output.endswith(CURSOR_QUERY):
            os.write(self._controller, CURSOR_POSITION)

    def close(self) -> None:
        """End the shell and all that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._controller)


def write_script(box: Toolbox, shell: str) -> Path:
    """Write the activation script of a shell; each start of its Python is logged in `box.log`."""
    context = replace(shim.shim_context(box.paths), python=str(box.write_python()))
    path = box.directory / f"activate.{shell}"
    path.write_bytes(os.fsencode(render_script(activation.shell_named(shell), context)))
    return path

"""The walkthrough of docs/alm.md: its commands, run at a terminal, print the documented output."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

import envmgr
from support.alm.git_repository import QUIET, commit, git, repository
from support.machine.sandbox import ENVMGR, Sandbox
from support.machine.terminal import at_terminal
from support.server.server_process import ADMIN_PASSWORD, Daemon
from support.waiting import wait_until

GUIDE = Path(envmgr.__file__).parents[2] / "docs" / "alm.md"
PUSHES = (
    ("shop", "1.0", "Open the shop", "nodejs=20.1.0\n"),
    ("shop", "1.1", "Move to Node.js 24", "nodejs=24.11.0\n"),
    ("blog", "1.0", "Write", "nodejs=24\ngo=1.22\n"),
    ("blog", "2.0", "Write more", "nodejs=24\ngo=1.22\n"),
)
"""The content of the project at each push of the walkthrough."""
VARYING = (
    (re.compile(r"\b[0-9a-f]{7,64}\b"), "HASH"),
    (re.compile(r"\b\d+ entries"), "N entries"),
    (re.compile(r"\b(\d+[sm]|just now|now)\b"), "AGE"),
    (re.compile(r" +"), " "),
)

pytestmark = [
    pytest.mark.skipif(not GUIDE.is_file(), reason="an installed package has no documentation beside it"),
    pytest.mark.skipif(os.name == "nt", reason="the walk is shown at a terminal as Linux and macOS have it"),
]


def transcript():
    """Yield each command of the walkthrough with its documented output."""
    section = GUIDE.read_text().partition("## Walkthrough")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE) if step]
    return [step.partition("\n")[::2] for step in steps]


def plain(text):
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


class Walk:
    """A terminal at which the commands of the guide are typed."""

    def __init__(self, machine, daemon):
        self.machine = machine
        self.url = f"http://127.0.0.1:{daemon.port}"
        self.at = machine.user_home
        self.pushes = iter(PUSHES)

    def type(self, line):
        """Type a line; return the output of its last command."""
        output = ""
        for command in line.split("; "):
            words = shlex.split(command)
            output = self._commands.get(words[0], Walk._ignore)(self, words)
        return output

    def _ignore(self, _words):
        return ""

    def _go(self, words):
        self.at = (self.at / words[1].replace("~", str(self.machine.user_home))).resolve()
        return ""

    def _make(self, words):
        (self.at / words[1]).mkdir()
        return ""

    def _envmgr(self, words):
        if words[2] == "serve":
            return ""  # it does, for all of these commands
        if words[2] == "push":
            self.prepare(*next(self.pushes))
        code, output = at_terminal([ENVMGR, *words[1:]], cwd=self.at, env=self.machine.environment)
        assert code == 0, (words, output)
        return output

    def prepare(self, app, tag, message, dotfile):
        """Write the project files for a push of the walkthrough."""
        assert self.at.name == app
        (self.at / ".envmgr").write_text(dotfile)
        self.machine.ok("lock", cwd=self.at)
        commit(self.at, message)
        git(self.at, "tag", tag)

    _commands = {"cd": _go, "mkdir": _make, "envmgr": _envmgr}  # noqa: RUF012 - never changed


POSTPONE_CHECKPOINT = "UPDATE job SET run_at = run_at + 86400000 WHERE kind = 'audit-checkpoint' RETURNING id"
"""The server signs the log after a minute, in which the guide has ended and a busy machine has not."""


@pytest.fixture
def walk(tmp_path, server):
    machine = Sandbox(tmp_path / "machine", server, dict(QUIET))
    machine.publish("nodejs", ("20.1.0", "20.11.1", "24.11.0"))
    machine.publish("go", ("1.22.0", "1.23.0"))
    for app in ("shop", "blog"):
        repository(machine.user_home / "src" / app, f"https://github.com/acme/{app}.git")
    daemon = Daemon(tmp_path)
    try:
        walk = Walk(machine, daemon.start())
        wait_until(lambda: daemon.execute("audit", POSTPONE_CHECKPOINT))
        machine.ok("alm", "login", walk.url, "-u", "admin", "--password-stdin", stdin=ADMIN_PASSWORD)
        yield walk
    finally:
        daemon.end()


def test_the_walkthrough_prints_the_documented_output(walk):
    different = []
    steps = transcript()
    assert len([line for line, _ in steps if line.startswith("envmgr alm")]) > 10
    for line, expected in steps:
        output = walk.type(line)
        if "envmgr alm" not in line or "envmgr alm serve" in line:
            continue
        if plain(output) != plain(expected):
            different.append(f"$ {line}\n{output}-- but the guide shows:\n{expected}")
    assert not different, "\n".join(different)
    assert next(walk.pushes, None) is None, "the walk does not push all that it deploys"


def test_the_client_starts_the_server_which_prints_next_steps(tmp_path, server):
    machine = Sandbox(tmp_path / "machine", server)
    process = machine.start("alm", "serve", "--port", "0", "--data-dir", str(tmp_path / "alm"))
    try:
        output = ""
        while "envmgr alm push" not in output:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            output += line
        url = re.search(r"http://127\.0\.0\.1:\d+", output)[0]
        password = re.search(r"^ *password +(\S+)", output, re.MULTILINE)[1]
        machine.ok("alm", "login", url, "-u", "admin", "--password-stdin", stdin=password)
        assert "admin" in machine.ok("alm", "whoami").out
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert password not in process.stderr.read()
    finally:
        process.kill()
        process.communicate()

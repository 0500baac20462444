"""Completion in real shells, but for PowerShell, which most machines lack."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from support.http.fault_server import Server
from support.machine.sandbox import Sandbox
from support.machine.shell_session import find_shell
from support.waiting import WAIT_TIMEOUT_SECONDS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells of Unix")


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """Return a machine with alpha installed and cached lists of releases."""
    with Server() as server:
        box = Sandbox(tmp_path_factory.mktemp("completion") / "a machine's root", server)
        box.publish("alpha", commands=("alpha", "alpha-helper"))
        box.publish("beta", ("0.9.0",))
        box.write("alpha=^1.0")
        box.ok("install")
        _copy_as_package(box)
        yield box


def _copy_as_package(box):
    """Install a version of `github:o/t`, a tool with a colon in its name."""
    from envmgr.kit.paths import file_name

    installed_version = box.home / "installs" / "alpha" / "1.1.0"
    copy = box.home / "installs" / file_name("github:o/t") / "3.0.0"
    shutil.copytree(installed_version, copy)
    receipt = copy / ".envmgr-receipt.json"
    receipt.write_text(receipt.read_text().replace('"alpha"', '"github:o/t"').replace("1.1.0", "3.0.0"))


class Terminal:
    """An interactive shell at a terminal."""

    def __init__(self, words, box):
        self.process, self.master = None, None
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=box.project,
            env={**box.environment, "TERM": "dumb", "HISTFILE": ""},
            start_new_session=True,
        )
        os.close(slave)

    def send(self, text):
        os.write(self.master, text.encode())

    def read_until(self, pattern, seconds=WAIT_TIMEOUT_SECONDS):
        """Return the output up to a pattern."""
        output, limit = "", time.monotonic() + seconds
        while not re.search(pattern, output):
            left = limit - time.monotonic()
            assert left > 0, f"no {pattern!r} in {output!r}"
            if select.select([self.master], [], [], min(left, 0.2))[0]:
                output += os.read(self.master, 1 << 16).decode(errors="replace")
        return output

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


ECHO = """envmgr() {
    if [ -n "$_ENVMGR_COMPLETE" ]; then command envmgr "$@"; else printf 'typed'; printf '<%s>' "$@"; echo .; fi
}"""
"""Shows, instead of running it, the command line that was completed."""
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}


@pytest.fixture(scope="module", params=SHELLS)
def terminal(request, box):
    """Yield a shell that has read its completion script."""
    words = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not here")
    script = box.root / f"script.{request.param}"
    script.write_text(f"{box.ok('--show-completion', request.param).out}\n{ECHO}\n")
    running = Terminal(words, box)
    running.send(f". {_quoted(script)}; echo is-set-\\up\n")
    running.read_until("is-set-up")
    yield running
    running.close()


def _quoted(path):
    return "'" + str(path).replace("'", "'\\''") + "'"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ins", "<install>"),
        ("uninstall al", "<uninstall><alpha@1.1.0>"),
        ("install alpha@1.0", "<install><alpha@1.0.0>"),
        ("use alpha 2", "<use><alpha><2.0.0>"),
        ("uninstall github:o/t@", "<uninstall><github:o/t@3.0.0>"),
        ("uninstall github:o", "<uninstall><github:o/t@3.0.0>"),
        ("which alpha-", "<which><alpha-helper>"),
        ("config get minimum", "<config><get><minimum_release_age>"),
        ("plugin rem", "<plugin><remove>"),
        ("lock --che", "<lock><--check>"),
        ("--off", "<--offline>"),
    ],
)
def test_a_unique_candidate_is_completed(terminal, typed, completed):
    terminal.send(f"envmgr {typed}\t\n")
    assert f"typed{completed}." in terminal.read_until(r"typed<.*>\.")


def test_all_candidates_are_offered(terminal):
    terminal.send("envmgr install alpha@\t\t")
    terminal.read_until(r"(?s)(?=.*1\.0\.0).*2\.0\.0")  # in the order of the shell, and in several pieces
    terminal.send("\x15echo li\\ne\n")
    terminal.read_until("line")


FISH = {
    "envmgr ins": ["install"],
    "envmgr uninstall al": ["alpha@1.1.0"],
    "envmgr install alpha@": ["alpha@latest", "alpha@2.0.0", "alpha@1.1.0", "alpha@1.0.0"],
    "envmgr use alpha 1": ["1.1.0", "1.0.0"],
    "envmgr plugin l": ["list", "lint"],
    "envmgr config get http": ["http_timeout", "http_retries"],
    "envmgr lock --c": ["--check", "--cwd"],
    "envmgr exec alpha@1.1.0 -- x": [],
}


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not here")
def test_fish_offers_all_candidates(box):
    script = box.root / "script.fish"
    script.write_text(box.ok("--show-completion", "fish").out)
    commands = "; ".join(f"echo '== {line}'; complete -C '{line}'" for line in FISH)
    result = box.command(["fish", "--no-config", "-c", f"source {_quoted(script)}; {commands}"])
    blocks = [block.split("\n") for block in result.out.split("== ")[1:]]
    offered = {head: [line.split("\t")[0] for line in lines if line] for head, *lines in blocks}
    assert offered == FISH, result.err


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not here")
def test_fish_offers_files_for_file_arguments(box):
    (box.project / "a-manifest.json").write_text("{}")
    script = box.root / "script.fish"
    script.write_text(box.ok("--show-completion", "fish").out)
    line = f"source {_quoted(script)}; complete -C 'envmgr plugin lint a-'"
    assert box.command(["fish", "--no-config", "-c", line]).out.split() == ["a-manifest.json"]


def candidates(box, words, incomplete):
    result = box.run(*words, env={"_ENVMGR_COMPLETE": f"={incomplete}"})
    assert (result.code, result.err) == (0, "")
    return [line.split("\t")[0] for line in result.out.splitlines()]


def test_completion_sends_no_request_and_prints_no_error(box):
    before = len(box.server.requests)
    assert candidates(box, ["install"], "beta@") == []
    assert candidates(box, ["use", "no-such-tool"], "1") == []
    assert "nodejs" in candidates(box, ["use", "alpha@1", "beta@1"], "nod")
    assert candidates(box, ["nonsense", "--what"], "x") == []
    assert len(box.server.requests) == before
    (box.project / ".envmgr").write_text("nonsense\n")
    try:
        assert candidates(box, ["install"], "al") == []
    finally:
        box.write("alpha=^1.0")


def test_a_directory_is_completed_by_the_shell(box):
    assert candidates(box, ["-C"], "a") == [":files"]


@pytest.mark.skipif(shutil.which("elvish") is None, reason="elvish is not here")
def test_elvish_offers_candidates_and_files(box):
    (box.project / "a-manifest.json").write_text("{}")
    script = box.root / "script.elv"
    script.write_text(box.ok("--show-completion", "elvish").out)
    running = Terminal(["elvish", "-rc", str(script)], box)
    try:
        for line, stem in {"use alpha@1.": "alpha@1.0.0", "plugin lint a-": "a-manifest.json"}.items():
            completer = f"$edit:completion:arg-completer[envmgr] envmgr {line}"
            running.send(f"for c [({completer})] {{ echo 'stem='$c[stem]'.' }}\r")
            running.read_until(re.escape(f"stem={stem}."))
    finally:
        running.close()


@pytest.mark.skipif(find_shell("nu") is None, reason="Nushell is not here")
def test_nushell_offers_candidates_and_leaves_files_to_itself(box):
    script = box.root / "script.nu"
    lines = [
        box.ok("--show-completion", "nu").out,
        *(
            f"print (do $env.config.completions.external.completer [{words}] | to json --raw)"
            for words in ("envmgr uninstall al", "envmgr plugin lint a", "git a")
        ),
    ]
    script.write_text("\n".join(lines))
    result = box.command([find_shell("nu"), "--no-history", "--no-config-file", str(script)])
    assert result.out.splitlines() == ['[{"value":"alpha@1.1.0","description":""}]', "null", "null"], (
        result.err
    )


@pytest.mark.skipif(find_shell("xonsh") is None, reason="xonsh is not here")
def test_xonsh_offers_candidates_and_files(box):
    (box.project / "a-manifest.json").write_text("{}")
    script = box.root / "script.xsh"
    script.write_text(
        box.ok("--show-completion", "xonsh").out
        + "from xonsh.completer import Completer\n"
        + "for line in ('envmgr uninstall al', 'envmgr plugin lint a-', 'envmgr use alpha@1.'):\n"
        + "    print(*sorted(str(item).strip() for item in Completer().complete_line(line)[0]))\n"
    )
    result = box.command([find_shell("xonsh"), "--no-rc", str(script)])
    assert result.out.splitlines() == ["alpha@1.1.0", "a-manifest.json", "alpha@1.0.0 alpha@1.1.0"], (
        result.err
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "pwsh", "elvish", "nu", "xonsh"])
def test_installing_completion_is_done_once(sandbox, shell):
    first = sandbox.ok("--install-completion", shell, "--json").json
    sandbox.ok("--install-completion", shell)
    with open(first["script"], encoding="utf-8") as file:
        assert "_ENVMGR_COMPLETE" in file.read()
    if first["start_file"]:
        with open(first["start_file"], encoding="utf-8") as file:
            assert len(file.read().splitlines()) == 1


@pytest.mark.parametrize("before", [b"alias ll='ls -l'", b"# caf\xe9\r\n"])
def test_a_start_file_keeps_its_content(sandbox, before):
    start = sandbox.user_home / ".bashrc"
    start.write_bytes(before)
    for _ in range(2):
        sandbox.ok("--install-completion", "bash")
    content = start.read_bytes()
    assert content.startswith(before)
    assert len(content.splitlines()) == 2
    result = sandbox.command(["bash", "-c", ". ~/.bashrc; complete -p envmgr"])
    assert result.out == "complete -F _envmgr envmgr\n"


def test_the_users_shell_is_the_default(sandbox):
    assert sandbox.ok("--show-completion", env={"SHELL": "/bin/zsh"}).out.startswith("#compdef envmgr")
    result = sandbox.run("--show-completion", env={"SHELL": "/bin/tcsh"})
    assert result.code == 2
    assert "bash, zsh, fish, pwsh, elvish, nu, xonsh" in result.err

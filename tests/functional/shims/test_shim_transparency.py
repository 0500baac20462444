"""A shim is transparent: arguments, standard streams, signals, exit code and environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from support.machine.installed_tools import SHELLS, Toolbox, program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs POSIX shells")

ARGUMENTS = ["", " ", "a b", "it's", '"', "$HOME", "`x`", "*", "a\nb", "\\", "-n", "--", "é", "~", "!x", "#"]
ECHO = "#!/bin/sh\nfor word; do printf '<%s>' \"$word\"; done\n"


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    toolbox.install("nodejs", "20.1.0", {"node": ECHO})
    toolbox.request("nodejs=20.1.0\n")
    toolbox.reshim()
    return toolbox


def both_ways(box, *words, **variables):
    """Run a shim through Python, then by its plan."""
    box.slow_runs()
    slow = box.run(*words, **variables)
    assert box.slow_runs() == 1, slow.stderr
    fast = box.run(*words, **variables)
    assert box.slow_runs() == 0, fast.stderr
    return slow, fast


@pytest.mark.parametrize("shell", SHELLS)
def test_arguments_are_passed_unchanged_with_each_sh(box, shell):
    for result in both_ways(box, *SHELLS[shell], box.shim("node"), *ARGUMENTS):
        assert result.returncode == 0
        assert result.stderr == ""
        assert result.stdout == "".join(f"<{word}>" for word in ARGUMENTS)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_undecodable_arguments_are_passed_unchanged(box, locale):
    for result in both_ways(box, box.shim("node"), b"caf\xe9", b"\xff\xfe", LC_ALL=locale):
        assert os.fsencode(result.stdout) == b"<caf\xe9><\xff\xfe>"


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh", "fish", "busybox"])
def test_every_shell_can_call_a_shim(box, shell):
    calling = ["busybox", "sh"] if shell == "busybox" else [shell]
    for result in both_ways(box, *calling, "-c", "node 'a  b' '*' ''"):
        assert (result.returncode, result.stdout, result.stderr) == (0, "<a  b><*><>", "")


@pytest.mark.parametrize("code", [0, 1, 3, 126, 127, 255])
def test_exit_codes_are_those_of_the_program(box, code):
    program(box.root / "installs/nodejs/20.1.0/bin/node", f"#!/bin/sh\nexit {code}\n")
    for result in both_ways(box, box.shim("node")):
        assert result.returncode == code


def test_standard_streams_are_those_of_the_program(box):
    program(box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/sh\ncat\necho oops >&2\n")
    for _ in range(2):
        result = subprocess.run(
            [box.shim("node")],
            cwd=box.project,
            env=box.variables,
            input=b"a\0b\xff",
            capture_output=True,
            check=False,
        )
        assert (result.stdout, result.stderr) == (b"a\0b\xff", b"oops\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_program(box, number):
    trap = f"#!/bin/sh\ntrap 'echo caught; exit 9' {int(number)}\necho ready\nwhile :; do sleep 0.02; done\n"
    program(box.root / "installs/nodejs/20.1.0/bin/node", trap)
    for _ in range(2):
        with subprocess.Popen(
            [box.shim("node")], cwd=box.project, env=box.variables, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout.readline() == "ready\n"
            running.send_signal(number)
            assert running.stdout.readline() == "caught\n"
            assert running.wait() == 9


def test_a_program_killed_by_a_signal_is_reported_as_killed(box):
    program(box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/sh\nkill -KILL $$\n")
    for result in both_ways(box, box.shim("node")):
        assert result.returncode == -signal.SIGKILL


def test_a_program_is_killed_by_a_broken_pipe_with_and_without_a_plan(box):
    program(box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/sh\nkill -PIPE $$\n")
    for result in both_ways(box, box.shim("node")):
        assert result.returncode == -signal.SIGPIPE


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"LANG": "C"},
        {"LC_CTYPE": "C"},
        {"LC_CTYPE": "C.UTF-8"},
        {"LC_ALL": "C"},
        {"ENVMGR_HOME": "the root"},
        {"__envmgr_dir": "mine", "__envmgr_run": "mine", "ENVMGR_CEILING": ""},
    ],
)
def test_the_environment_of_the_program_is_the_callers_plus_the_tools(box, extra):
    extra = {name: str(box.root) if value == "the root" else value for name, value in extra.items()}
    dump = f"#!{sys.executable} -IS\nimport os\nprint(open('/proc/self/environ').read())\n"
    home = box.install("java", "21", {"java": dump}, env={"JAVA_HOME": "{home}"})
    box.request("java=21\nnodejs=20.1.0\n")
    box.reshim()
    expected = {**box.variables, "PWD": str(box.project), **extra, "JAVA_HOME": str(home)}
    expected = {name: value for name, value in expected.items() if not name.startswith("__")}
    for outcome in both_ways(box, box.shim("java"), clean=True, **extra):
        result = dict(line.split("=", 1) for line in outcome.stdout.strip("\n\0").split("\0") if line)
        assert result == expected


def test_shims_are_added_to_path_if_missing(box):
    box.install("java", "21", {"java": '#!/bin/sh\necho "$PATH"\n'})
    box.request("java=21\n")
    box.reshim()
    for result in both_ways(box, box.shim("java"), PATH="/usr/bin:/bin"):
        assert result.stdout.strip() == f"{box.paths.shims}:/usr/bin:/bin"


def test_a_program_that_runs_another_command_uses_the_projects_version(box):
    box.install("npm", "10.0.0", {"npm": "#!/usr/bin/env node\n"})
    box.request("nodejs=20.1.0\nnpm=10.0.0\n")
    box.reshim()
    for _ in range(2):
        result = box.run(box.shim("npm"), "x y")
        assert result.stdout == f"<{box.root}/installs/npm/10.0.0/bin/npm><x y>"


@pytest.mark.parametrize(
    "name", ["with space", "o'quote", 'dou"ble', "$HOME", "new\nline", "é ü", "back\\slash", "*"]
)
def test_any_name_of_the_root_works(tmp_path, name):
    box = Toolbox(tmp_path / name, name)
    box.install("nodejs", "20.1.0", {"node": ECHO}, env={"NODE_HOME": "{home}"})
    box.request("nodejs=20.1.0\n")
    box.reshim()
    for shell in SHELLS.values():
        assert box.run(*shell, box.shim("node"), "x").stdout == "<x>"
    assert box.run(box.shim("node"), "x").stdout == "<x>"
    assert box.slow_runs() == 1


def test_undecodable_directories_are_supported(tmp_path):
    box = Toolbox(tmp_path / os.fsdecode(b"caf\xe9"))
    box.install("nodejs", "20.1.0", {"node": ECHO})
    box.request("nodejs=20.1.0\n")
    box.reshim()
    for result in both_ways(box, box.shim("node"), "x"):
        assert result.stdout == "<x>"


def test_a_python_in_the_project_or_the_environment_of_the_user_is_not_run(box):
    for name in ("json.py", "envmgr.py", "sitecustomize.py", "os.py"):
        (box.project / name).write_text("raise SystemExit('hijacked')\n")
    result = box.run(box.shim("node"), "x", PYTHONPATH=str(box.project), PYTHONHOME="/nowhere")
    assert (result.stdout, result.stderr) == ("<x>", "")

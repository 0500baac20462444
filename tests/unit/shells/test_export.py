"""Variables as code of a shell, and as a dotenv file."""

from __future__ import annotations

import os
import subprocess

import pytest

from envmgr.kit.errors import ConfigError
from envmgr.shells import export
from support.machine.github_job import read_github_env
from support.machine.shells import find_shell

ODD = "a 'b' \"c\" $HOME `id` \\n \\' #x %s {name}\n é\u2028!"
VARIABLES = {"PATH": "/o'dd dir:/usr/bin:/bin", "ODD": ODD, "EMPTY": "", "RAW": os.fsdecode(b"caf\xe9")}
COMMANDS = {
    "sh": ("sh", "-c"),
    "bash": ("bash", "-c"),
    "zsh": ("zsh", "-fc"),
    "fish": ("fish", "--no-config", "-c"),
    "elvish": ("elvish", "-norc", "-c"),
    "nu": ("nu", "--no-config-file", "--no-std-lib", "--commands"),
}


UNICODE_SHELLS = {"fish", "elvish", "nu"}
"""Shells whose strings are Unicode."""


@pytest.mark.parametrize("shell", COMMANDS)
def test_a_shell_exports_each_value_unchanged(shell):
    words = COMMANDS[shell]
    program = find_shell(words[0])
    if program is None:
        pytest.skip(f"{shell} is not installed")
    expected = dict(VARIABLES)
    if shell in UNICODE_SHELLS:
        del expected["RAW"]
    code = export.render(expected, shell) + ("^" if shell == "nu" else "") + "/usr/bin/env -0"
    output = subprocess.run(
        [program, *words[1:], os.fsencode(code)], capture_output=True, check=True, env={"PATH": "/bin"}
    ).stdout
    exported = dict(os.fsdecode(line).split("=", 1) for line in output.split(b"\0") if line)
    assert {name: exported[name] for name in expected} == expected


def test_xonsh_reads_values_as_python_does():
    name, value = export.render({"ODD": ODD}, "xonsh").rstrip("\n").split(" = ", 1)
    assert (name, eval(value)) == ("$ODD", ODD)


def test_values_are_quoted_for_powershell():
    assert export.render({"X": "it's"}, "pwsh") == "$env:X = 'it''s'\n"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("/usr/bin:/a-b_c,d", "/usr/bin:/a-b_c,d"),
        ("", ""),
        ("C:\\a b\\n$x#y", "'C:\\a b\\n$x#y'"),
        ('"', "'\"'"),
        ("it's", '"it\'s"'),
        ("a\n'$`\"\\\r", '"a\\n\'\\$\\`\\"\\\\\\r"'),
    ],
)
def test_a_dotenv_value_is_quoted_only_if_it_must_be(value, line):
    assert export.render_dotenv({"X": value}) == f"X={line}\n"


@pytest.mark.parametrize(
    "value", ["", "/a b", "a\nb\n\nc", "END\nX<<END_\nx\nEND_", "a=b<<c", "\r\nEND\r\n", ODD]
)
def test_github_reads_each_value_unchanged(value):
    variables = {"FIRST": value, "LAST": "x"}
    assert read_github_env(export.render_github_env(variables)) == variables


def test_the_first_directory_is_the_last_line_of_github_path():
    assert export.render_github_path(["/first", "/second dir"]) == "/second dir\n/first\n"


def test_a_directory_with_a_line_break_is_refused():
    with pytest.raises(ConfigError, match=r"'/a\\nb' to GITHUB_PATH"):
        export.render_github_path(["/a\nb"])

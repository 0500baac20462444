"""Variables as code of a shell, and as a dotenv file."""

from __future__ import annotations

import os
import subprocess

import pytest

from envmgr.shells import export
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

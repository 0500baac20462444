"""Command lines, variables and exit codes of Windows."""

from __future__ import annotations

import pytest

from envmgr.kit.errors import CannotRun
from envmgr.kit.windows import command_line

SHELL = r"C:\Windows\System32\cmd.exe"


def passed(*arguments):
    line = command_line.batch_command_line(SHELL, r"C:\a b\npm.cmd", arguments)
    start = f'"{SHELL}" /e:ON /v:OFF /d /c ""C:\\a b\\npm.cmd"'
    assert line.startswith(start)
    assert line.endswith('"')
    return line.removeprefix(start)[:-1]


def test_a_program_gets_a_list():
    words = command_line.start_words(r"C:\node.exe", ["a b"], {})
    assert words == [r"C:\node.exe", "a b"]


@pytest.mark.parametrize("program", [r"C:\npm.cmd", r"C:\NPM.BAT"])
def test_a_batch_file_is_started_by_the_shell_of_the_system(program):
    words = command_line.start_words(program, ["x"], {"SYSTEMROOT": r"D:\Win"})
    assert words == rf'"D:\Win\System32\cmd.exe" /e:ON /v:OFF /d /c ""{program}" x"'


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("install", "install"),
        (r"C:\x-y_1.txt", r"C:\x-y_1.txt"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a&calc", '"a&calc"'),
        ("foo@^1.2", '"foo@^1.2"'),
        ("ü", '"ü"'),
        ("C:\\", '"C:\\\\"'),
        ('say "hi"', '"say ""hi"""'),
        ('x\\"y', '"x\\\\""y"'),
        ('" & calc "', '""" & calc """'),
        ("100%", '"100%%cd:~,%"'),
        ("%PATH%", '"%%cd:~,%PATH%%cd:~,%"'),
    ],
)
def test_an_argument_is_quoted_for_the_shell_and_the_program(argument, expected):
    assert passed(argument) == f" {expected}"


def test_a_variable_in_the_path_of_a_batch_file_is_not_expanded():
    line = command_line.batch_command_line(SHELL, r"C:\%TEMP%\x.cmd", [])
    assert r'"C:\%%cd:~,%TEMP%%cd:~,%\x.cmd"' in line


@pytest.mark.parametrize("argument", ["a\nb", "a\rb", "a\0b"])
def test_an_argument_with_a_line_break_is_an_error(argument):
    with pytest.raises(CannotRun, match="a batch file cannot receive the line break"):
        passed("x", argument)


def test_of_variables_that_differ_in_case_the_last_is_passed():
    variables = {"PATH": "/a", "JAVA_HOME": "old", "Java_Home": "new"}
    assert command_line.unique_variables(variables) == {"PATH": "/a", "Java_Home": "new"}


@pytest.mark.parametrize(
    ("code", "signed"), [(0, 0), (7, 7), (0x7FFFFFFF, 0x7FFFFFFF), (0xC000013A, -1073741510)]
)
def test_a_large_exit_code_is_negative(code, signed):
    assert command_line.signed_code(code) == signed

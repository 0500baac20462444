"""The client on Windows: an installed tool runs through its shims, and in an activated PowerShell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envmgr.install import receipt
from envmgr.kit import platform
from envmgr.kit.paths import single_root
from envmgr.shells import windows_shim
from support.machine.installed_tools import new_receipt
from support.machine.windows_machine import IS_WINDOWS, needs_zig

pytestmark = [
    pytest.mark.skipif(not IS_WINDOWS, reason="needs Python for Windows"),
    needs_zig,
]
ARGUMENTS = r'-e "a b" "a&b|c" "x\"y" "" é'
RECEIVED = ["-e", "a b", "a&b|c", 'x"y', "", "é"]


class Client:
    """A root with a tool of two commands, a program and a batch file, and a project that requests it."""

    def __init__(self, machine, report, directory):
        self.machine = machine
        self.project = directory / "project ü"
        self.project.mkdir()
        (self.project / ".envmgr").write_text("sample=1.0.0\n")
        self.paths = single_root(str(directory / "root ü"))
        home = Path(self.paths.install("sample", "1.0.0"))
        (home / "bin").mkdir(parents=True)
        shutil.copy(report, home / "bin" / "sample.exe")
        (home / "bin" / "script.cmd").write_text('@"%~dp0sample.exe" %*\n')
        receipt.write(str(home), new_receipt("sample", "1.0.0"))
        self.variables = {"ENVMGR_HOME": self.paths.data}
        self.envmgr("reshim")

    def envmgr(self, *words):
        subprocess.run(
            [sys.executable, "-m", "envmgr", *words],
            cwd=self.project,
            env={**os.environ, **self.variables},
            check=True,
        )

    def run(self, name, tail="", **variables):
        """Run a shim by its path in the project; a batch file by cmd.exe."""
        line = f'"{Path(self.paths.shims, name)}" {tail}'
        line = line if name.endswith(".exe") else f'cmd.exe /d /s /c "{line}"'
        return self.machine.launch(line, cwd=self.project, **self.variables, **variables)


@pytest.fixture
def client(machine, report, tmp_path):
    return Client(machine, report, tmp_path)


has_program = pytest.mark.skipif(
    windows_shim.read_program(platform.current().arch) is None, reason="the shim's program is not built"
)
shims = pytest.mark.parametrize("ending", ["bat", pytest.param("exe", marks=has_program)])


def split(command_line):
    """Return the arguments that the C library reads from a command line."""
    code = "import sys; print('\\n'.join(sys.argv[1:]), end='')"
    tail = (
        command_line.partition('sample.exe"')[2] if command_line[0] == '"' else command_line.partition(" ")[2]
    )
    result = subprocess.run(
        f'"{sys.executable}" -X utf8 -c "{code}" {tail}', capture_output=True, check=True, encoding="utf-8"
    )
    return result.stdout.splitlines()


@shims
@pytest.mark.parametrize("command", ["sample", "script"])
def test_a_tool_receives_the_arguments_of_its_shim(client, command, ending):
    line = client.run(f"{command}.{ending}", ARGUMENTS).out.split("\r\n")[0]
    assert split(line) == RECEIVED


@has_program
@pytest.mark.parametrize("command", ["sample", "script"])
def test_variables_in_arguments_are_not_expanded(client, command):
    line = client.run(f"{command}.exe", "100% %PATH%").out.split("\r\n")[0]
    assert split(line) == ["100%", "%PATH%"]


@shims
@pytest.mark.parametrize("code", [7, 0xC000013A])
def test_a_tool_returns_its_exit_code(client, ending, code):
    assert client.run(f"sample.{ending}", REPORT_CODE=str(code)).code == code


@pytest.mark.skipif(not shutil.which("pwsh"), reason="PowerShell is not installed")
def test_a_tool_runs_in_an_activated_powershell(client):
    lines = [
        f"(& '{sys.executable}' -m envmgr activate pwsh) -join [char]10 | Invoke-Expression",
        f"Set-Location -LiteralPath '{client.project}'",
        "$null = prompt",
        "(Get-Command sample).Source",
    ]
    result = subprocess.run(
        ["pwsh", "-NoProfile", "-NonInteractive", "-Command", "; ".join(lines)],
        env={**os.environ, **client.variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    program = os.path.join(client.paths.install("sample", "1.0.0"), "bin", "sample.exe")
    assert result.stdout.splitlines()[-1:] == [program], result.stderr

"""Activation in the real PowerShell, where it is installed: its prompt is called as by its host."""

from __future__ import annotations

import shutil
import sys

import pytest

from envmgr.shells.activation.powershell import quote
from support.machine.shell_session import write_script

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="tools of the tests are shell scripts"),
    pytest.mark.skipif(not shutil.which("pwsh"), reason="PowerShell is not installed"),
]


@pytest.fixture
def run(box):
    """Return a function that runs lines, each before a prompt, and returns what they print."""

    def run_lines(*lines: str, **variables: str) -> list[str]:
        path = box.directory / "session.ps1"
        activate = (
            f"Get-Content -Raw -LiteralPath {quote(str(write_script(box, 'pwsh')))} | Invoke-Expression"
        )
        prompts = [part for line in lines for part in (line, "$null = prompt")]
        path.write_text("\n".join(["function global:prompt { '> ' }", activate, *prompts]))
        words = (shutil.which("pwsh"), "-NoProfile", "-NonInteractive", "-File", str(path))
        result = box.run(*words, cwd=box.directory, **{"PATH": "/usr/bin:/bin", **variables})
        assert result.returncode == 0, result.stderr
        return [*result.stdout.splitlines(), *result.stderr.splitlines()]

    return run_lines


def test_path_and_variables_follow_the_directory(box, front, run):
    assert run(
        "Set-Location project",
        "$env:PATH",
        "$env:NODE_HOME",
        "node",
        "Set-Location ../other",
        "node",
        "$env:NODE_HOME = '/changed'",
        "Set-Location ..",
        "$env:PATH",
        "$env:NODE_HOME",
    ) == [
        f"{front()}:/usr/bin:/bin",
        box.paths.install("nodejs", "20.1.0"),
        "nodejs 20.1.0 node",
        "nodejs 18.2.0 node",
        "/usr/bin:/bin",
        "/changed",
    ]
    assert box.slow_runs() == 3


def test_the_deactivation_restores_the_environment_and_the_prompt(run):
    assert run(
        "$saved = $function:prompt",
        "Set-Location project",
        "Disable-EnvmgrActivation",
        "$env:PATH",
        "$env:NODE_HOME",
        "(Get-ChildItem Env:__ENVMGR*).Count",
        "& $saved; prompt",
        NODE_HOME="/before",
    ) == ["/usr/bin:/bin", "/before", "0", "> ", "> "]


def test_problems_are_reported_once_and_directories_may_have_any_name(box, run):
    name = "it's \u2018quoted\u2019 $x `n [*]"
    box.request("nodejs=18\ngo=1.23\n", box.directory / name)
    output = run(
        f"Set-Location -LiteralPath {quote(name)}",
        "node",
        "Set-Location ..",
        f"Set-Location -LiteralPath {quote(name)}",
        "$global:LASTEXITCODE",
    )
    assert output[:2] == ["nodejs 18.2.0 node", "0"]
    assert sum("go 1.23 is not installed" in line for line in output) == 1

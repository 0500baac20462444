"""An archive for Windows is installed, and its programs run there."""

from __future__ import annotations

import sys

import pytest

from support.archives import archive_builder
from support.machine.windows_machine import IS_WINDOWS, needs_windows, needs_zig, windows_path
from support.programs import run_as_platform

pytestmark = [
    needs_windows,
    needs_zig,
    pytest.mark.skipif(IS_WINDOWS, reason="installs for Windows on another system"),
]


@pytest.fixture
def installed(sandbox, report):
    """Return the directory of an installed zip without `bin/`, whose manifest links a program."""
    program = report.read_bytes()
    content = archive_builder.zipped(
        {"tool-1/tool.exe": program, "tool-1/lib/cli.exe": program, "tool-1/README": b""}
    )
    sandbox.server.add("/tool.zip", content)
    sandbox.server.add_json("/index.json", [{"version": "1.0.0"}])
    sandbox.add_manifest(
        {
            "name": "tool",
            "versions_url": f"{sandbox.server.url}/index.json",
            "versions": {"version": "version"},
            "download_url_template": f"{sandbox.server.url}/tool.zip",
            "format": "zip",
            "bin": ["tool{exe}"],
            "links": {"helper": ["lib/cli{exe}"]},
        }
    )
    sandbox.write("tool=1.0.0")
    words = [sys.executable, run_as_platform.__file__, "windows-x64", "install", "tool"]
    result = sandbox.command(words)
    assert result.code == 0, result
    return sandbox.home / "installs" / "tool" / "1.0.0"


def test_the_programs_and_links_of_a_zip_without_bin_run(machine, installed):
    program, link = installed / "tool.exe", installed / ".bin" / "helper.cmd"
    direct = machine.launch(f'"{windows_path(program)}" "a b"', REPORT_CODE="7")
    linked = machine.launch(f'cmd.exe /d /s /c ""{windows_path(link)}" "a b""', REPORT_CODE="8")
    assert (direct.code, linked.code) == (7, 8)
    assert direct.out.split("\r\n")[0].endswith('\\tool.exe" "a b"')
    assert linked.out.split("\r\n")[0].endswith('\\lib\\cli.exe" "a b"')

"""Shims on Windows: batch files and programs pass arguments, streams, signals and exit codes."""

from __future__ import annotations

import shutil

import pytest

from envmgr.kit.windows import command_line
from envmgr.shells import windows_shim
from envmgr.shells.shim import START, ShimContext
from support.machine.windows_machine import IS_WINDOWS, needs_windows, needs_zig, windows_path

pytestmark = [needs_windows, needs_zig]
ODD = "é 語 (x86) & co!"


class Installation:
    """An envmgr in an odd directory, whose Python is a program that prints its command line."""

    def __init__(self, machine, report, shim_program, root):
        self.machine, self.report, self.root = machine, report, root
        (root / "site" / "envmgr").mkdir(parents=True)
        (root / "site" / "envmgr" / "__init__.py").touch()
        shutil.copy(report, root / "python.exe")
        home, python, site = map(windows_path, (root, root / "python.exe", root / "site"))
        shims = root / "shims"
        self.context = ShimContext(home, f"{home}\\plans", windows_path(shims), python, site)
        shims.mkdir()
        for name, content in windows_shim.files(self.context, ["node"], shim_program).items():
            (shims / name).write_bytes(content)

    def path(self, name):
        return windows_path(self.root / "shims" / name)

    def run(self, name, tail="", **more):
        """Run a shim; programs of this name start it directly, others in cmd.exe."""
        line = f'"{self.path(name)}" {tail}'
        return self.machine.launch(line if name.endswith(".exe") else f'cmd.exe /d /s /c "{line}"', **more)

    def passed(self, name, tail="", **more):
        """Return what a shim passes after its own arguments."""
        first = self.run(name, tail, **more).out.split("\r\n")[0]
        start = f'"{self.context.python}" -I -c "{START}" "{self.context.site}" exec --shim "node" -- '
        command_line = first.replace("shims\\..\\", "")
        assert command_line.startswith(start)
        return command_line.removeprefix(start)

    def remove_own_envmgr(self):
        shutil.rmtree(self.root / "site")


@pytest.fixture
def installation(machine, report, shim_program, tmp_path):
    return Installation(machine, report, shim_program, tmp_path / ODD)


both = pytest.mark.parametrize("name", ["node.bat", "node.exe"])


def test_a_program_passes_the_command_line_as_it_is(installation):
    tail = r'-e  "a b"   c\"d "x\\" & | < > ^ %PATH% !x! é語 "" '
    assert installation.passed("node.exe", tail) == tail


def test_a_batch_file_passes_quoted_arguments_as_they_are(installation):
    tail = '-e "a b" --x=1 "&" "a|b<c>d^e" "!x!" é語 "" *.js'
    assert installation.passed("node.bat", tail) == tail


@both
def test_a_shim_without_arguments_passes_none(installation, name):
    assert installation.passed(name).strip() == ""


def test_a_batch_file_can_be_started_as_a_program(installation):
    out = installation.machine.launch(f'"{installation.path("node.bat")}" "a b" c').out
    assert out.split("\r\n")[0].endswith(' -- "a b" c')


@both
@pytest.mark.parametrize("code", [0, 7, 3221225786])
def test_the_exit_code_is_returned(installation, name, code):
    outcome = installation.run(name, REPORT_CODE=str(code))
    assert outcome.code == (code if IS_WINDOWS else code & 0xFF)


@both
def test_streams_are_shared(installation, name):
    assert installation.run(name, data=b"1\n2\n", REPORT_INPUT="1").out.endswith("\r\n1\n2\n")


@both
@pytest.mark.parametrize(("home", "mark"), [("", ":"), ("C:\\other", "h:")])
def test_the_home_is_that_of_the_shim_unless_another_is_set(installation, name, home, mark):
    variables = {"ENVMGR_HOME": home} if home else {}
    lines = installation.run(name, **variables).out.split("\r\n")
    assert lines[1] == f"ENVMGR_SHIM={mark}"
    # `..` stays in what a batch file sets; envmgr normalizes it.
    assert lines[2].removesuffix("\\shims\\..") == f"ENVMGR_HOME={home or installation.context.home}"


@both
def test_a_shim_that_starts_itself_ends_with_an_error(installation, name):
    outcome = installation.run(name, ENVMGR_SHIM=":")
    assert (outcome.code, outcome.out) == (127, "")
    assert "its shim calls itself" in outcome.error


@both
def test_without_its_own_envmgr_a_shim_runs_that_on_path_only(installation, name):
    installation.remove_own_envmgr()
    on_path, project = installation.root / "other", installation.root / "project"
    for directory in (on_path, project):
        directory.mkdir()
        shutil.copy(installation.report, directory / "envmgr.exe")
    path = {"PATH" if IS_WINDOWS else "WINEPATH": windows_path(on_path)}
    line = installation.run(name, '"a b"', cwd=project, **path).out.split("\r\n")[0]
    assert line.endswith('\\other\\envmgr.exe" exec --shim "node" -- "a b"')


@both
def test_without_any_envmgr_a_shim_says_so(installation, name):
    installation.remove_own_envmgr()
    shutil.copy(installation.report, installation.root / "envmgr.exe")
    outcome = installation.run(name, cwd=installation.root)
    assert outcome.code == 127
    assert "envmgr not found" in outcome.error


def test_a_program_without_its_target_says_so(installation):
    (installation.root / "shims" / windows_shim.TARGET).unlink()
    outcome = installation.run("node.exe")
    assert outcome.code == 127
    assert outcome.error.startswith("error: cannot run node: cannot read target.shim\r\nhint: ")


def test_a_program_is_found_by_any_spelling_of_its_name(installation):
    assert installation.passed("NODE", "x").strip() == "x"


def test_a_long_command_line_is_passed_and_a_longer_one_is_an_error(installation):
    assert installation.passed("node.exe", "x" * 30_000) == "x" * 30_000
    outcome = installation.run("node.exe", "x" * 32_600)
    assert outcome.code == 127
    assert "the command line is too long" in outcome.error


def test_a_program_in_a_long_path_reads_its_target(installation):
    deep = installation.root.joinpath("d" * 120, "e" * 120)
    shutil.copytree(installation.root / "shims", deep)
    line = installation.machine.start(deep / "node.exe", "x").out.split("\r\n")[0]
    assert line.endswith(' exec --shim "node" -- x')


def test_ending_a_program_ends_what_it_started(installation, tmp_path):
    file = windows_path(tmp_path / "number")
    assert installation.run("node.exe", REPORT_FILE=file, LAUNCH_FILE=file).code == 0


@pytest.mark.skipif(IS_WINDOWS, reason="needs a terminal to press a key in")
def test_an_interrupt_is_left_to_the_command(installation, tmp_path):
    file = tmp_path / "number"
    program = installation.root / "shims" / "node.exe"
    assert installation.machine.interrupt(program, file, REPORT_FILE=windows_path(file)).code == 42


def test_a_batch_file_of_a_tool_receives_its_arguments(installation):
    script = installation.root / "npm.cmd"
    script.write_text('@"%~dp0python.exe" %*\r\n', newline="")
    arguments = ["a b", "", "a&b|c<d>e^f", 'x"y', "C:\\", "C:\\a b\\", "!x!", "é語", "--x=1,2;3", "(y)", "*"]
    shell = "C:\\Windows\\System32\\cmd.exe"
    line = command_line.batch_command_line(shell, windows_path(script), arguments)
    out = installation.machine.launch(line).out.split("\r\n")[0]
    assert out.endswith(r'"a b" "" "a&b|c<d>e^f" "x""y" "C:\\" "C:\a b\\" "!x!" "é語" "--x=1,2;3" "(y)" *')

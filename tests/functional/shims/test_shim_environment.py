"""A shim passes the environment unchanged, with each sh and any exported shell options."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.machine import limited_mounts
from support.machine.installed_tools import SHELLS, Toolbox, program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

READ = "open('/proc/self/environ', errors='surrogateescape').read()"
DUMP = f"#!{sys.executable} -IS\nimport sys\nsys.stdout.write({READ})\n"
INVALID_NAMES = {
    "INPUT_NODE-VERSION": "20",
    "spring.profiles.active": "prod",
    "1st": "digit",
    "A B": 'it\'s\na \\ "line"\n',
    "caf\udce9": "\udcff",
    "BASH_FUNC_module%%": "() {  echo hi\n}",
}
RESET_BY_SHELLS = {
    "IFS": "x",
    "OPTIND": "7",
    "OPTERR": "0",
    "LINENO": "7",
    "PPID": "1",
    "PS1": "$ ",
    "PS4": "> ",
    "RANDOM": "7",
    "HISTCMD": "7",
    "OLDPWD": "/gone",
    "SHELLOPTS": "noglob",
    "BASHOPTS": "nullglob",
    "BASH_VERSION": "7",
    "BASH_ENV": "/gone",
    "ENV": "/gone",
    "CDPATH": "/",
    "POSIXLY_CORRECT": "y",
    "ZSH_NAME": "mine",
    "SHLVL": "7",
}
OPTIONAL_SHELLS = {"mksh": ("mksh",), "ksh93": ("ksh93",), "bash -p": ("bash", "-p")}


def is_available(shell):
    return any(os.access(f"{directory}/{shell}", os.X_OK) for directory in ("/bin", "/usr/bin"))


ALL_SHELLS = {
    "": (),
    **SHELLS,
    **{name: words for name, words in OPTIONAL_SHELLS.items() if is_available(words[0])},
}


def toolbox(tmp_path, root="root"):
    """Return a root whose Python is started by a recorder that is not a shell."""
    new_toolbox = Toolbox(tmp_path, root)
    recorder = f"open({str(new_toolbox.log)!r}, 'a').write('slow\\n')"
    program(
        tmp_path / "python",
        f"#!{sys.executable} -IS\nimport os, sys\n{recorder}\nos.execv({sys.executable!r}, sys.argv)\n",
    )
    new_toolbox.install("nodejs", "20.1.0", {"node": DUMP})
    new_toolbox.request("nodejs=20.1.0\n")
    new_toolbox.reshim()
    return new_toolbox


@pytest.fixture
def box(tmp_path):
    return toolbox(tmp_path)


def environment_through(box, shell, variables):
    result = box.run(*ALL_SHELLS[shell], box.shim("node"), clean=True, **variables)
    assert (result.returncode, result.stderr) == (0, "")
    variables = dict(item.split("=", 1) for item in result.stdout.strip("\0").split("\0"))
    variables.pop("_", None)  # each shell sets it for each program it runs
    return variables


@pytest.mark.parametrize("shell", ALL_SHELLS)
@pytest.mark.parametrize(
    "provided", [{}, INVALID_NAMES, RESET_BY_SHELLS, {"SHLVL": "7"}], ids=["none", "names", "reset", "level"]
)
def test_the_environment_is_passed_unchanged_with_each_sh(box, shell, provided):
    expected = {**box.variables, "PWD": str(box.project), **provided}
    box.slow_runs()
    for is_slow in (1, 0):
        assert environment_through(box, shell, provided) == expected
        assert box.slow_runs() == is_slow


BUSYBOX_TOOLS = """
for name in sed tr env; do
    mount --bind "$(command -v busybox)" "$(readlink -f "$(command -pv "$name")")"
done"""


@limited_mounts.needs_mounts()
@pytest.mark.skipif(not is_available("busybox"), reason="requires BusyBox")
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_the_environment_is_passed_unchanged_where_sed_is_busybox(box, shell):
    invalid_names = {name: value for name, value in INVALID_NAMES.items() if name.isascii()}
    expected = {**box.variables, "PWD": str(box.project), **RESET_BY_SHELLS, **invalid_names}
    environment = ["env", "-i", *(f"{name}={value}" for name, value in expected.items())]
    busybox_system = limited_mounts.prefix(BUSYBOX_TOOLS)
    box.run(box.shim("node"))
    result = box.run(*busybox_system, *environment, *ALL_SHELLS[shell], box.shim("node"))
    assert (result.returncode, result.stderr) == (0, "")
    variables = dict(item.split("=", 1) for item in result.stdout.strip("\0").split("\0"))
    variables.pop("_", None)
    assert variables == expected


@pytest.mark.parametrize("name", INVALID_NAMES)
def test_a_root_with_an_equals_sign_keeps_all_variables(tmp_path, name):
    box = toolbox(tmp_path, "a=b")
    for shell in ("", "dash"):
        assert environment_through(box, shell, {name: "x"})[name] == "x"


@pytest.mark.parametrize(
    "option",
    [
        "errexit",
        "nounset",
        "noglob",
        "noclobber",
        "xtrace",
        "verbose",
        "allexport",
        "keyword",
        "onecmd",
        "noexec",
    ],
)
def test_exported_shell_options_do_not_affect_the_shim(box, option):
    program(box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/dash\nprintf '<%s>' \"$@\"\n")
    for _ in range(2):  # without a plan, and with it
        result = box.run(box.shim("node"), "a=b", "*", SHELLOPTS=option, BASHOPTS="failglob:nocasematch")
        assert (result.returncode, result.stdout, result.stderr) == (0, "<a=b><*>", "")


@pytest.mark.parametrize("options", ["errexit", "nounset", "noglob", "noclobber", "errexit:nounset"])
def test_a_stale_plan_runs_the_tool_with_any_inherited_bash_options(box, options):
    program(box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/dash\necho ran\n")
    box.run(box.shim("node"))
    box.request("nodejs=20.1.0\n# changed\n")
    box.slow_runs()
    result = box.run("bash", "--posix", box.shim("node"), SHELLOPTS=options)
    assert (result.returncode, result.stdout, result.stderr) == (0, "ran\n", "")
    assert box.slow_runs() == 1


@pytest.mark.parametrize("variable", ["BASH_ENV", "ENV"])
def test_a_shell_start_file_is_not_read(box, variable, tmp_path):
    program(box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/dash\necho ran\n")
    program(tmp_path / "start", "echo read; exit 4\n")
    for _ in range(2):
        result = box.run(box.shim("node"), **{variable: str(tmp_path / "start")})
        assert (result.returncode, result.stdout) == (0, "ran\n")


def test_exported_shell_functions_do_not_affect_the_shim(box):
    program(box.root / "installs/nodejs/20.1.0/bin/node", "#!/bin/dash\necho ran\n")
    script = "command() { echo hijacked; }; test() { false; }; export -f command test; node"
    for _ in range(2):
        result = subprocess.run(
            ["bash", "-c", script],
            cwd=box.project,
            env=box.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "ran\n", "")

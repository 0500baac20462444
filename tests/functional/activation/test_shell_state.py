"""Activation and the state of bash and zsh: exit codes, traps, options, hooks of others, start files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envmgr.ops import activation
from support.machine.installed_tools import Toolbox
from support.machine.shell_session import DIALECTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of Unix")
both = pytest.mark.parametrize("shell", ["bash", "zsh"])
bash_only = pytest.mark.parametrize("shell", ["bash"])
fish_only = pytest.mark.parametrize("shell", ["fish"])
zsh_only = pytest.mark.parametrize("shell", ["zsh"])


@both
def test_the_exit_code_and_the_last_argument_stay(start):
    session = start()
    session.run("cd project; false")
    assert session.run("echo $?") == "1"
    session.run("echo first last")
    assert session.run("echo $_") == "last"
    session.run("(exit 42)")
    session.run("")
    assert session.run("echo $?") == "42"


@bash_only
def test_the_codes_of_a_pipeline_stay(start):
    session = start()
    session.run("(exit 3) | (exit 4)")
    assert session.run('echo "${PIPESTATUS[*]}"') == "3 4"


@both
def test_options_that_end_shells_at_errors_do_no_harm(start):
    session = start("set -eu")
    session.run("! true")  # an exit code of 1 that does not end the shell
    session.run("cd project")
    assert session.run("node") == "nodejs 20.1.0 node"
    session.run("cd ..; ! true")
    assert session.variable("PATH") == "/usr/bin:/bin"
    session.run("envmgr deactivate")
    assert session.run("echo alive") == "alive"


@both
def test_options_that_change_expansions_do_no_harm(start, shell):
    options = {
        "bash": "shopt -s nullglob failglob extglob nocasematch; set -fCk; IFS=/:o",
        "zsh": "setopt ksh_arrays sh_word_split glob_subst no_clobber warn_create_global csh_junkie_quotes "
        "null_glob ksh_glob rc_quotes; IFS=/:o",
    }
    session = start(before=(options[shell],), warm=False)
    assert session.run("cd project") == ""
    assert session.run("node") == "nodejs 20.1.0 node"
    assert session.run("cd ../other") == ""
    assert session.run("node") == "nodejs 18.2.0 node"
    session.run("cd ..")
    assert session.variable("PATH") == "/usr/bin:/bin"
    assert session.run("envmgr deactivate") == ""


@bash_only
def test_directories_that_differ_only_in_case_are_distinct(box, front, start):
    box.request("nodejs=18\nuv=0.8\n", box.directory / "PROJECT")
    session = start("shopt -s nocasematch")
    session.run("cd project")
    session.run("cd ../PROJECT")
    assert session.run("node") == "nodejs 18.2.0 node"
    upper_path = f"{front('18.2.0').upper()}:/usr/bin:/bin"
    session.run(session.dialect.export("PATH", upper_path))
    assert session.variable("PATH") == f"{front('18.2.0')}:{upper_path}"
    session.run("cd ..")
    assert session.variable("PATH") == upper_path
    assert session.run("shopt -q nocasematch && echo set") == "set"


@bash_only
def test_variables_that_differ_only_in_case_are_distinct(box, start):
    for name, version in (("tool", "20.1.0"), ("TOOL", "18.2.0")):
        (box.directory / name).symlink_to(box.paths.install("nodejs", version))
    session = start("shopt -s nocasematch", ENVMGR_NODEJS_VERSION=f"path:{box.directory}/tool", warm=False)
    session.run("cd project")
    session.run(session.dialect.export("ENVMGR_NODEJS_VERSION", f"path:{box.directory}/TOOL"))
    assert session.run("node") == "nodejs 18.2.0 node"


@both
def test_variables_with_values_that_envmgr_never_sets_do_no_harm(box, start):
    session = start(warm=False, __ENVMGR_NAMES="y[$(echo >executed)]")
    assert not (box.directory / "executed").exists()
    assert session.run("PWD=.") == ""
    session.run("cd project")
    assert session.run("node") == "nodejs 20.1.0 node"


@both
def test_the_traps_of_the_user_run_for_the_users_commands_only(start):
    session = start("trap 'echo failed' ERR", "trap 'echo left' EXIT")
    session.run("cd project")
    assert session.run("false") == "failed"
    assert session.run("") == ""
    assert session.run("trap").count("echo") == 2


@both
def test_the_history_has_the_users_lines_only(start, shell):
    session = start()
    session.run("cd project")
    history = {"bash": "history", "zsh": "fc -l 1"}[shell]
    assert "envmgr_" not in session.run(history)


@bash_only
@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("unset PROMPT_COMMAND", None),
        ("PROMPT_COMMAND='seen=$?'", 'declare -- PROMPT_COMMAND="seen=\\$?"'),
        ("PROMPT_COMMAND='seen=$?; '", 'declare -- PROMPT_COMMAND="seen=\\$?; "'),
        ("PROMPT_COMMAND=('seen=$?' ':')", 'declare -a PROMPT_COMMAND=([0]="seen=\\$?" [1]=":")'),
    ],
    ids=["none", "string", "trailing semicolon", "array"],
)
def test_the_prompt_command_of_the_user_runs_and_is_restored(start, first, expected):
    session = start(before=(first,))
    session.run("cd project")
    session.run("(exit 5)")
    if expected:
        assert session.run("echo $seen") == "5"
    assert session.run("node") == "nodejs 20.1.0 node"
    session.run("envmgr deactivate")
    assert session.run("declare -p PROMPT_COMMAND 2>/dev/null") == (expected or "")


@bash_only
def test_hooks_that_are_added_after_the_activation_see_the_exit_code(start):
    session = start('PROMPT_COMMAND="$PROMPT_COMMAND; seen=\\$?"')
    session.run("cd project")
    session.run("(exit 6)")
    assert session.run("echo $seen") == "6"


@bash_only
def test_prompt_commands_that_others_changed_are_restored(box, start):
    session = start('PROMPT_COMMAND="$PROMPT_COMMAND; seen=\\$?"')
    activate = session.dialect.source(box.directory / "activate.bash")
    show = "declare -p PROMPT_COMMAND"
    assert session.run(f"envmgr deactivate; {show}") == 'declare -- PROMPT_COMMAND="seen=\\$?"'
    session.run(f'unset PROMPT_COMMAND; {activate}; PROMPT_COMMAND="seen=1;$PROMPT_COMMAND"')
    assert session.run(f"envmgr deactivate; {show}") == 'declare -- PROMPT_COMMAND="seen=1"'
    session.run(f"PROMPT_COMMAND=(:); {activate}; PROMPT_COMMAND[1]+='; seen=2'")
    session.run("(exit 9)")
    assert session.run("echo $? $seen") == "9 2"
    assert session.run(f"{activate}; {show}").count("__envmgr_prompt") == 1
    assert session.run(f"envmgr deactivate; {show}") == 'declare -a PROMPT_COMMAND=([0]=":" [1]="seen=2")'


@bash_only
def test_an_integration_that_wraps_the_prompt_command_keeps_it_working(start):
    """VS Code saves PROMPT_COMMAND and evaluates it in a function of its own."""
    session = start(
        "saved=$PROMPT_COMMAND",
        'in_prompt() { code=$?; eval "$saved"; return $code; }',
        "PROMPT_COMMAND=in_prompt",
        "trap ': debug' DEBUG",
    )
    session.run("cd project; false")
    assert session.run("echo $?") == "1"
    assert session.run("node") == "nodejs 20.1.0 node"
    assert session.run("envmgr deactivate") == ""
    assert session.run("(exit 5)") == ""
    assert session.run("echo $?") == "5"
    inner = (
        'env PROMPT_COMMAND="$saved" bash --norc --noprofile -c \'(exit 6); eval "$PROMPT_COMMAND"; echo $?\''
    )
    assert session.run(inner) == "6"


@zsh_only
def test_the_hooks_of_the_user_run_and_are_restored(start):
    session = start(before=("mine() { seen=$? }", "precmd_functions=(mine)", "chpwd() { moved=$PWD }"))
    session.run("cd project; (exit 7)")
    assert session.run("echo $seen") == "7"
    assert session.run("echo ${moved:t}") == "project"
    session.run("envmgr deactivate")
    assert session.run("echo $precmd_functions $+chpwd_functions") == "mine 0"


@zsh_only
def test_the_environment_follows_within_a_line(start):
    assert start().run("cd project && node; (cd ../other && node); node").splitlines() == [
        "nodejs 20.1.0 node",
        "nodejs 18.2.0 node",
        "nodejs 20.1.0 node",
    ]


@zsh_only
def test_a_path_without_duplicates_is_restored(front, start):
    path = f"/usr/bin:{front()}:/bin"
    session = start(before=("typeset -U path PATH",), warm=False, PATH=path)
    session.run("cd project")
    assert session.variable("PATH") == f"{front()}:/usr/bin:/bin"
    session.run("cd ..")
    assert session.variable("PATH") == path


@fish_only
def test_the_status_and_a_global_variable_stay(start):
    session = start(warm=False)
    session.run("set -g NODE_HOME global; cd project; false; set -g saved $status")
    assert session.run("echo $saved; node") == "1\nnodejs 20.1.0 node"
    session.run("cd ..")
    assert session.run("set -S NODE_HOME").startswith("$NODE_HOME: set in global scope, unexported")


@fish_only
def test_the_environment_follows_within_a_line_of_fish(start):
    assert start().run("cd project; and node; cd ../other; and node").splitlines() == [
        "nodejs 20.1.0 node",
        "nodejs 18.2.0 node",
    ]


@both
def test_a_variable_that_is_not_exported_is_restored_as_it_was(start):
    session = start(before=("NODE_HOME=plain",), warm=False)
    session.run("cd project")
    assert session.variable("NODE_HOME").endswith("20.1.0")
    session.run("cd ..")
    assert session.variable("NODE_HOME") is None
    assert session.run("echo $NODE_HOME") == "plain"


@both
def test_a_read_only_variable_is_left_alone(start):
    session = start(before=("readonly NODE_HOME=fixed",), warm=False)
    assert session.run("cd project") == ""
    assert session.run("echo $NODE_HOME; node") == "fixed\nnodejs 20.1.0 node"
    assert session.run("cd ..") == ""


@both
def test_the_script_works_without_a_terminal(box, start, shell):
    start()
    script = box.directory / f"activate.{shell}"
    line = f'{DIALECTS[shell].source(script)}; cd project; eval "${{PROMPT_COMMAND-}}"; node'
    result = box.run(shell, *(["-f"] if shell == "zsh" else []), "-c", line, cwd=box.directory)
    assert result.stdout.splitlines()[-1] == "nodejs 20.1.0 node"


@both
def test_deactivation_leaves_no_names_behind(start):
    session = start()
    session.run("cd project")
    session.run("envmgr deactivate")
    assert (
        session.run("{ typeset; typeset -f; } | grep -ai envmgr | grep -v '^_=\\|PWD\\|FALLTHROUGH\\|HOME='")
        == ""
    )


@both
@pytest.mark.skipif(not shutil.which("direnv"), reason="direnv is not installed")
@pytest.mark.parametrize("order", ["direnv first", "direnv last"])
def test_direnv_beside_it_changes_and_restores_the_environment(box, start, shell, order, tmp_path):
    project = tmp_path / "project"  # direnv fails below a directory with a `$` in its name
    box.request("nodejs=20\n", project)
    (project / ".envrc").write_text("PATH_add tools\nexport FROM_DIRENV=yes\n")
    variables = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    subprocess.run(
        ["direnv", "allow", project / ".envrc"], env={**variables, "PATH": "/usr/bin:/bin"}, check=True
    )
    hook = f'eval "$(direnv hook {shell})"; export DIRENV_LOG_FORMAT='
    session = start(
        *([hook] if order == "direnv last" else []),
        before=(hook,) if order == "direnv first" else (),
        XDG_DATA_HOME=variables["XDG_DATA_HOME"],
    )
    session.run("cd ../project")
    session.run("")
    assert session.variable("FROM_DIRENV") == "yes"
    assert session.run("node") == "nodejs 20.1.0 node"
    assert str(project / "tools") in session.variable("PATH")
    session.run("cd ..")
    session.run("")
    assert session.variable("PATH") == "/usr/bin:/bin"
    assert session.variable("FROM_DIRENV") is None


def test_the_script_of_bash_follows_shellcheck(tmp_path):
    context = Toolbox(tmp_path / "plain").context()
    text = activation.script(context, activation.shell_named("bash"))
    shellcheck = Path(sys.executable).with_name("shellcheck")
    result = subprocess.run(
        [shellcheck, "--shell=bash", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")

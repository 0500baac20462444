"""Activation in real shells at a terminal: PATH and variables follow the directory."""

from __future__ import annotations

import os
import shutil
import sys
import time

import pytest

from envmgr.shells import plan
from support.machine.installed_tools import program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of Unix")


def edit(box, text, directory=None):
    """Write a dotfile as an editor does, now."""
    box.wait_for_clock()
    (directory or box.project).joinpath(".envmgr").write_text(text)
    box.wait_for_clock()


@pytest.mark.essential
def test_path_and_variables_follow_the_directory(box, front, start):
    session = start()
    assert session.variable("NODE_HOME") is None
    session.run("cd project")
    assert session.variable("PATH") == f"{front()}:/usr/bin:/bin"
    assert session.variable("NODE_HOME") == box.paths.install("nodejs", "20.1.0")
    assert session.run("node") == "nodejs 20.1.0 node"
    session.run("cd ../other")
    assert session.variable("PATH") == f"{front('18.2.0')}:/usr/bin:/bin"
    assert session.run("node") == "nodejs 18.2.0 node"
    session.run("cd ..")
    assert session.variable("PATH") == "/usr/bin:/bin"
    assert session.variable("NODE_HOME") is None
    assert box.slow_runs() == 0


def test_outside_of_projects_the_environment_is_untouched(start):
    session = start()
    before = session.run("env").splitlines()
    session.run("cd project")
    session.run("cd ..")
    after = session.run("env").splitlines()
    changing = ("CMD_DURATION_MS=", "OLDPWD=", "_=", "PWD=", "SHLVL=")
    assert sorted(line for line in after if not line.startswith(changing)) == sorted(
        line for line in before if not line.startswith(changing)
    )


@pytest.mark.essential
def test_entries_of_the_user_stay_where_they_were(front, start):
    path = f"/usr/bin:{front()}::/bin:{front('18.2.0')}"
    session = start(PATH=path, warm=False)
    path = session.variable("PATH")  # fish writes `.` for an empty entry
    session.run("cd project")
    assert session.variable("PATH") == f"{front()}:{path}"
    session.run("cd ../other")
    assert session.variable("PATH") == f"{front('18.2.0')}:{path}"
    session.run("cd ..")
    assert session.variable("PATH") == path


def test_entries_of_the_user_stay_after_another_program_restored_them(front, start):
    """Virtual environments and direnv restore the PATH that they saved; direnv may add to it."""
    node, uv = front().split(":")
    saved_path = f"/usr/bin:{node}/more:{uv}:{node}:/bin"
    session = start(PATH=f"/usr/bin:{front()}:/bin", warm=False)
    session.run("cd project")
    session.run(session.dialect.export("PATH", f"/usr/bin:{front()}:/bin"))
    assert session.variable("PATH") == f"{front()}:/usr/bin:{front()}:/bin"
    session.run("cd ..")
    assert session.variable("PATH") == f"/usr/bin:{front()}:/bin"
    session.run(session.dialect.export("PATH", saved_path))
    session.run("cd project")
    session.run(session.dialect.export("PATH", f"/added:{saved_path}"))
    assert session.variable("PATH") == f"{front()}:/added:{saved_path}"
    session.run("cd ..")
    assert session.variable("PATH") == f"/added:{saved_path}"


@pytest.mark.essential
def test_python_starts_once_per_project_and_not_at_prompts(box, start):
    session = start(warm=False)
    session.run("cd project")
    assert box.slow_runs() == 1
    for line in ("", "true", "cd .", "cd ..", "cd project", "cd ../project"):
        session.run(line)
    assert box.slow_runs() == 0


def test_python_does_not_start_at_prompts_for_what_never_changes(box, start):
    """A time that is still to come, and a root that ends with a slash."""
    os.utime(box.project / ".envmgr", (time.time() + 3600, time.time() + 3600))
    box.wait_for_clock()
    session = start(warm=False, ENVMGR_HOME=f"{box.root}/")
    session.run("cd project")
    assert session.run("node") == "nodejs 20.1.0 node"
    box.slow_runs()
    session.run("")
    assert box.slow_runs() == 0


def test_subdirectories_belong_to_the_project(box, start):
    (box.project / "a/b").mkdir(parents=True)
    session = start()
    session.run("cd project/a/b")
    assert session.run("node") == "nodejs 20.1.0 node"
    assert box.slow_runs() == 0


@pytest.mark.essential
def test_an_edit_is_noticed_at_the_next_prompt(box, start):
    session = start()
    session.run("cd project")
    edit(box, "nodejs=18\n")
    session.run("")
    assert session.run("node") == "nodejs 18.2.0 node"


@pytest.mark.parametrize("shell", ["elvish"])  # the others compare times only
def test_a_file_in_utf_16_is_compared_without_starting_python(box, start):
    file = box.request("", box.directory / "wide")
    file.write_bytes("nodejs=20\n".encode("utf-16"))
    box.wait_for_clock()
    session = start()
    session.run("cd wide")
    assert session.run("node") == "nodejs 20.1.0 node"
    assert box.slow_runs() == 1
    session.run("")
    assert box.slow_runs() == 0
    file.write_bytes("nodejs=18\n".encode("utf-16"))
    session.run("")
    assert session.run("node") == "nodejs 18.2.0 node"


def test_an_edit_that_sets_an_older_time_is_noticed(box, start):
    session = start()
    session.run("cd project")
    edit(box, "nodejs=18\n")
    os.utime(box.project / ".envmgr", (1, 1))
    session.run("")
    assert session.run("node") == "nodejs 18.2.0 node"


@pytest.mark.essential
def test_a_nearer_file_is_noticed_at_the_next_prompt(box, start):
    nested = box.project / "nested"
    nested.mkdir()
    session = start()
    session.run("cd project/nested")
    edit(box, "nodejs=18\n", nested)
    session.run("")
    assert session.run("node") == "nodejs 18.2.0 node"
    (nested / ".envmgr").unlink()
    session.run("")
    assert session.run("node") == "nodejs 20.1.0 node"


@pytest.mark.essential
def test_a_missing_tool_is_reported_once(box, start):
    edit(box, "nodejs=20\ngo=1.23\n")
    session = start()
    message = "go 1.23 is not installed"
    assert session.run("cd project").count(message) == 1
    assert session.run("node") == "nodejs 20.1.0 node"
    (box.project / "deeper").mkdir()
    for line in ("", "true", "cd deeper", "cd ../..", "cd project"):
        assert message not in session.run(line)


@pytest.mark.essential
def test_an_installation_is_noticed_at_the_next_prompt(box, start):
    edit(box, "nodejs=22\n")
    session = start()
    assert "hint: run `envmgr install`" in session.run("cd project")
    for version in ("22.0.0", "22.1.0"):
        box.install("nodejs", version, ["node"])
        plan.invalidate_all(box.paths)
        session.run("")
        assert session.run("node") == f"nodejs {version} node"


def test_a_tool_that_another_program_removed_is_noticed(box, front, start):
    session = start()
    session.run("cd project")
    box.uninstall("nodejs", "20.1.0")
    assert "nodejs 20 is not installed" in session.run("")
    assert session.variable("PATH") == f"{front().partition(':')[2]}:/usr/bin:/bin"


def test_a_broken_file_is_reported_once_and_leaves_no_other_project_active(box, start):
    edit(box, "nodejs 20 ???=\n")
    session = start()
    session.run("cd other")
    output = session.run("cd ../project")
    assert "envmgr: " in output
    assert str(box.project / ".envmgr") in output
    assert session.run("") == ""
    assert session.variable("PATH") == "/usr/bin:/bin"
    edit(box, "nodejs=20\n")
    session.run("")
    assert session.run("node") == "nodejs 20.1.0 node"


def test_an_override_applies_at_the_next_prompt_and_starts_python_once(box, start):
    session = start()
    session.run("cd project")
    session.run(session.dialect.export("ENVMGR_NODEJS_VERSION", "18"))
    assert session.run("node") == "nodejs 18.2.0 node"
    session.run("")
    assert box.slow_runs() == 1


def test_the_ceiling_ends_the_search(box, start):
    inner = box.project / "inner"
    inner.mkdir()
    session = start(warm=False, ENVMGR_CEILING=str(inner))
    session.run("cd project/inner")
    assert session.variable("PATH") == "/usr/bin:/bin"
    session.run("cd ..")
    assert session.run("node") == "nodejs 20.1.0 node"
    session.run(session.dialect.export("ENVMGR_CEILING", f"{inner}/"))
    session.run("cd inner")
    assert session.variable("PATH") == "/usr/bin:/bin"


def test_a_variable_of_the_user_is_restored(box, start):
    session = start(NODE_HOME="/the user's", warm=False)
    session.run("cd project")
    assert session.variable("NODE_HOME") == box.paths.install("nodejs", "20.1.0")
    session.run("cd ..")
    assert session.variable("NODE_HOME") == "/the user's"


@pytest.mark.essential
def test_a_variable_changed_in_a_project_is_left_alone(box, start):
    session = start()
    session.run("cd project")
    session.run(session.dialect.export("NODE_HOME", "/changed"))
    edit(box, "nodejs=18\n")
    session.run("")
    assert session.variable("NODE_HOME") == "/changed"
    session.run("cd ..")
    assert session.variable("NODE_HOME") == "/changed"
    session.run("cd other")
    assert session.variable("NODE_HOME") == box.paths.install("nodejs", "18.2.0")
    session.run("cd ..")
    assert session.variable("NODE_HOME") == "/changed"


def test_an_entry_added_in_a_project_stays_in_front_and_after_it(front, start):
    session = start()
    session.run("cd project")
    session.run(session.dialect.prepend("/added"))
    assert session.variable("PATH") == f"/added:{front()}:/usr/bin:/bin"
    session.run("cd ..")
    assert session.variable("PATH") == "/added:/usr/bin:/bin"


@pytest.mark.essential
def test_a_path_that_another_program_resets_is_repaired(front, start):
    """Virtual environments and direnv restore the PATH that they saved."""
    session = start()
    session.run("cd project")
    session.run(session.dialect.export("PATH", "/usr/bin:/bin"))
    assert session.variable("PATH") == f"{front()}:/usr/bin:/bin"
    session.run("cd ..")
    session.run(session.dialect.export("PATH", f"{front()}:/usr/bin:/bin"))
    assert session.variable("PATH") == "/usr/bin:/bin"


@pytest.mark.essential
def test_deactivate_restores_the_environment(start):
    session = start(NODE_HOME="/before", warm=False)
    session.run("cd project")
    assert session.run("envmgr deactivate") == ""
    assert session.variable("PATH") == "/usr/bin:/bin"
    assert session.variable("NODE_HOME") == "/before"
    assert "__ENVMGR" not in session.run("env")
    session.run("cd ../other")
    assert session.variable("PATH") == "/usr/bin:/bin"


@pytest.mark.essential
def test_activation_twice_is_harmless(box, front, start):
    session = start()
    session.run("cd project")
    script = box.directory / f"activate.{session.name}"
    session.run(session.dialect.source(script))
    session.run(session.dialect.source(script))
    assert session.variable("PATH") == f"{front()}:/usr/bin:/bin"
    session.run("cd ..")
    assert session.variable("PATH") == "/usr/bin:/bin"
    assert session.variable("NODE_HOME") is None


@pytest.mark.essential
def test_a_nested_shell_restores_what_its_parent_set(box, front, start):
    session = start(NODE_HOME="/before", warm=False)
    session.run("cd project")
    session.enter_nested(box.directory / f"activate.{session.name}")
    assert session.variable("PATH") == f"{front()}:/usr/bin:/bin"
    session.run("cd ..")
    assert session.variable("PATH") == "/usr/bin:/bin"
    assert session.variable("NODE_HOME") == "/before"
    session.leave_nested()
    assert session.variable("PATH") == f"{front()}:/usr/bin:/bin"


@pytest.mark.parametrize(
    "name", ["two words", 'it\'s $HOME `x` "y" [*]', "naïve-漢字", "line\nfeed", "-dash", "back\\slash"]
)
def test_directories_may_have_any_name(box, start, name):
    box.request("nodejs=18\n", box.directory / "odd" / name / "deeper")
    session = start()
    session.run("cd odd")
    session.run(session.dialect.enter(name))
    session.run("cd deeper")
    assert session.run("node") == "nodejs 18.2.0 node"
    box.slow_runs()
    session.run("cd ../../..")
    session.run("cd odd")
    session.run(session.dialect.enter(name))
    session.run("cd deeper")
    assert session.run("node") == "nodejs 18.2.0 node"
    assert box.slow_runs() == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "xonsh", "nu"])  # Elvish follows links
def test_a_symbolic_link_to_a_directory_is_followed_by_its_name(box, start):
    (box.directory / "link").symlink_to(box.project / "inside")
    (box.project / "inside").mkdir()
    session = start()
    session.run("cd link")
    assert session.variable("PATH") == "/usr/bin:/bin"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "elvish"])  # xonsh and Nushell themselves report it
def test_a_removed_directory_keeps_the_environment_and_prints_nothing(box, front, start):
    session = start()
    session.run("cd project")
    shutil.rmtree(box.project)
    for line in ("", "true"):
        assert session.run(line) == ""
    assert session.variable("PATH") == f"{front()}:/usr/bin:/bin"
    assert box.slow_runs() == 0
    session.run("cd ..")
    assert session.variable("PATH") == "/usr/bin:/bin"


def test_an_envmgr_that_was_uninstalled_is_reported_once_a_directory(box, start):
    session = start()
    (box.directory / "python").unlink()
    box.request("nodejs=18\n", box.directory / "third")
    assert "envmgr" in session.run("cd third")
    assert session.run("") == ""
    session.run("cd ../project")
    assert session.run("node") == "nodejs 20.1.0 node"


def test_without_a_writable_root_the_environment_still_follows_the_directory(box, start):
    shutil.rmtree(box.paths.plans, ignore_errors=True)
    (box.root / "plans").write_text("a file in its way")
    session = start(warm=False)
    session.run("cd project")
    assert session.run("node") == "nodejs 20.1.0 node"
    box.slow_runs()
    session.run("")
    assert box.slow_runs() == 0
    session.run("cd ..")
    assert session.variable("PATH") == "/usr/bin:/bin"


def test_a_directory_of_a_path_request_that_appears_is_noticed(box, start):
    external = box.directory / "external"
    session = start(ENVMGR_NODEJS_VERSION=f"path:{external}", warm=False)
    session.run("cd project")
    shutil.copytree(box.paths.install("nodejs", "18.2.0"), external)
    session.run("")
    assert session.run("node") == "nodejs 18.2.0 node"


def test_a_repository_adds_no_directory_of_its_own(box, start):
    """One with a program named `ls` in it would run that."""
    (box.project / "tools/bin").mkdir(parents=True)
    program(box.project / "tools/bin/ls", "#!/bin/sh\necho hijacked\n")
    box.install("npm:dependent", "1.0.0", ["dependent"], requires=["uv"])
    edit(box, "npm:dependent=1\nuv=path:./tools\n")
    session = start(warm=False)
    output = session.run("cd project")
    assert f"not added to PATH: uv=path:./tools ({box.project}/.envmgr:2)" in output
    assert "hint: run its programs with `envmgr exec -- COMMAND`" in output
    path = f"{box.paths.install('npm:dependent', '1.0.0')}/bin:/usr/bin:/bin"
    assert session.variable("PATH") == path
    session.run(session.dialect.export("ENVMGR_UV_VERSION", "path:tools"))
    assert session.variable("PATH") == path
    session.run(session.dialect.export("ENVMGR_UV_VERSION", f"path:{box.project}/tools"))
    assert session.run("sh -c ls") == "hijacked"


def test_a_new_root_in_envmgr_home_applies(box, start):
    session = start()
    session.run("cd project")
    session.run(session.dialect.export("ENVMGR_HOME", str(box.directory / "elsewhere")))
    assert session.variable("PATH") == "/usr/bin:/bin"

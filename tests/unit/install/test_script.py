"""Install scripts in real processes."""

from __future__ import annotations

import sys
import threading

import pytest

from envmgr.install import script
from envmgr.kit.errors import ScriptError
from support.processes import is_running
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sh and process groups")

FAMILY = """
trap '' TERM
(trap '' TERM INT
sh -c 'trap "" TERM; echo $$ > grandchild; while :; do sleep 0.05; done' &
while :; do sleep 0.05; done) &
echo $! > child
while :; do sleep 0.05; done
"""


@pytest.fixture
def run(tmp_path):
    """Run a script in a tree, with the log `logs/log`."""
    tree = tmp_path / "tree"
    tree.mkdir()

    def run_script(text, stop=None, **variables):
        script.run(text, str(tree), variables, str(tmp_path / "logs" / "log"), stop or threading.Event())
        return (tmp_path / "logs" / "log").read_text()

    return run_script


def await_file(path):
    return int(wait_until(lambda: path.exists() and path.read_text().strip()))


def assert_gone(*pids):
    wait_until(lambda: not any(map(is_running, pids)), "processes are left")


def test_a_script_runs_in_the_tree_with_its_variables_and_without_settings_of_envmgr(run, monkeypatch):
    monkeypatch.setenv("ENVMGR_GITHUB_TOKEN", "secret")
    log = run('pwd; echo "$ENVMGR_VERSION"; env; cat', ENVMGR_VERSION="1.2.3")
    assert log.splitlines()[0].endswith("/tree")
    assert log.splitlines()[1] == "1.2.3"
    assert "secret" not in log


def test_a_failure_names_the_log_and_shows_its_last_lines(run, tmp_path):
    with pytest.raises(ScriptError) as caught:
        run(
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo line $i; done >&2; printf 'a\\033[2Jb\\n'; exit 7"
        )
    assert "exited with status 7" in caught.value.message
    assert str(tmp_path / "logs" / "log") in caught.value.message
    assert "line 15" in caught.value.message
    assert "line 2\n" not in caught.value.message
    assert "\033" not in caught.value.message


@pytest.mark.parametrize("text", ["false; touch made", "echo $undefined; touch made"])
def test_the_first_failing_command_ends_a_script(run, text, tmp_path):
    with pytest.raises(ScriptError):
        run(text)
    assert not (tmp_path / "tree" / "made").exists()


def test_a_script_killed_by_a_signal_is_reported(run):
    with pytest.raises(ScriptError, match="killed by signal 9"):
        run("kill -KILL $$")


def test_background_processes_of_a_script_are_terminated(run, tmp_path):
    run("sleep 100 & echo $! > child")
    assert_gone(int((tmp_path / "tree" / "child").read_text()))


def test_stopping_ends_a_script_with_its_grandchildren(run, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "KILL_GRACE_SECONDS", 0.1)
    stop = threading.Event()
    failed = []

    def run_script():
        try:
            run(FAMILY, stop)
        except KeyboardInterrupt:
            failed.append("interrupted")

    thread = threading.Thread(target=run_script)
    thread.start()
    family = [await_file(tmp_path / "tree" / name) for name in ("child", "grandchild")]
    stop.set()
    thread.join()
    assert failed == ["interrupted"]
    assert_gone(*family)

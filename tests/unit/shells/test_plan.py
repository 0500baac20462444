"""A plan is written only if every change of its inputs will be detected."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from envmgr.kit.fs import remove_tree
from envmgr.kit.paths import single_root
from envmgr.shells import plan
from envmgr.shells.plan import Plan


@pytest.fixture
def paths(tmp_path):
    return single_root(str(tmp_path / "root"))


@pytest.fixture
def dotfile(tmp_path):
    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / ".envmgr"
    file.write_text("nodejs=20\n")
    age(file)
    return file


def age(file):
    """Wait until the clock of file times has advanced."""
    probe = file.with_name("probe")
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        probe.touch()
        if probe.stat().st_mtime_ns > file.stat().st_ctime_ns:
            break
    probe.unlink()


def make(dotfile, **changes):
    fields = {"program": "/bin/true", "exports": {}, "inputs": (str(dotfile),), "variables": {}}
    return Plan(**{**fields, **changes})


def finish(paths, dotfile, draft):
    return plan.commit(paths, plan.start(paths), str(dotfile.parent), "node", draft)


def test_plans_with_and_without_a_project_are_separate(paths):
    assert plan.path_of(paths, "/", "node") == f"{paths.plans}/node.plan"
    assert plan.path_of(paths, None, "node") == f"{paths.plans}/node.global"
    assert plan.path_of(paths, "/a/b", "node") == f"{paths.plans}/a/b/node.plan"


def test_the_time_of_a_plan_is_before_its_inputs_were_read(paths, dotfile):
    draft = plan.start(paths)
    assert plan.commit(paths, draft, str(dotfile.parent), "node", make(dotfile))
    plan_path = plan.path_of(paths, str(dotfile.parent), "node")
    assert os.stat(plan_path).st_mtime_ns == draft.started_at_ns
    assert not os.path.exists(draft.path)


def test_an_input_changed_since_the_draft_leaves_no_plan(paths, dotfile):
    draft = plan.start(paths)
    dotfile.write_text("nodejs=22\n")
    assert not plan.commit(paths, draft, str(dotfile.parent), "node", make(dotfile))
    assert not os.path.exists(draft.path)


def test_an_input_replaced_by_an_older_file_since_the_draft_leaves_no_plan(paths, dotfile):
    draft = plan.start(paths)
    other = dotfile.with_name("older")
    other.write_text("nodejs=18\n")
    os.utime(other, (1, 1))
    other.rename(dotfile)
    assert not plan.commit(paths, draft, str(dotfile.parent), "node", make(dotfile))


def test_clearing_removes_plans_drafts_and_leftovers(paths, dotfile, tmp_path):
    assert finish(paths, dotfile, make(dotfile))
    (tmp_path / "root" / ".plans-1.1").mkdir()
    draft = plan.start(paths)
    plan.invalidate_all(paths)
    assert os.listdir(paths.data) == []
    assert not plan.commit(paths, draft, str(dotfile.parent), "node", make(dotfile))
    assert not os.path.exists(plan.path_of(paths, str(dotfile.parent), "node"))
    plan.invalidate_all(paths)


def test_without_write_permission_there_is_no_draft(paths, tmp_path):
    (tmp_path / "root").write_text("a file, not a directory")
    assert plan.start(paths) is None


def test_a_directory_in_the_place_of_a_plan_leaves_no_plan(paths, dotfile):
    os.makedirs(plan.path_of(paths, str(dotfile.parent), "node"))
    assert not finish(paths, dotfile, make(dotfile))
    assert not [name for name in os.listdir(paths.plans) if name.endswith(".draft")]


@pytest.mark.parametrize(
    "changes",
    [
        {"exports": {"A-B": "1"}},
        {"exports": {"PATH": "/x"}},
        {"variables": {"A B": ""}},
        {"program": "/\ud800"},
    ],
)
def test_values_that_a_shell_cannot_quote_leave_no_plan(paths, dotfile, changes):
    assert not finish(paths, dotfile, make(dotfile, **changes))


def test_a_stamp_has_the_time_of_the_input_and_is_created_once(paths, dotfile):
    assert finish(paths, dotfile, make(dotfile))
    (stamp,) = [name for name in os.listdir(paths.plans) if name.endswith(".stamp")]
    status = os.stat(f"{paths.plans}/{stamp}")
    assert status.st_mtime_ns == dotfile.stat().st_mtime_ns
    assert finish(paths, dotfile, make(dotfile))
    assert os.stat(f"{paths.plans}/{stamp}").st_ino == status.st_ino


def test_without_exact_stamp_times_only_the_age_is_checked():
    text = plan.render(Plan("/x", {}, ("/i",), {}), {"/i": ""})
    assert "-nt '/i'" in text
    assert "-ot" not in text


def test_dropping_a_draft_twice_has_no_effect(paths):
    draft = plan.start(paths)
    before = set(os.listdir(paths.plans))
    plan.discard(draft)
    plan.discard(draft)
    assert set(os.listdir(paths.plans)) < before
    remove_tree(paths.data)


def test_leading_path_directories_are_prepended_once(tmp_path):
    front = [str(tmp_path / "it's"), str(tmp_path / "b*")]
    text = plan.render(Plan("/bin/sh", {}, (), {}, path=(*front, front[0])), {})
    script = tmp_path / "plan"
    script.write_text(f'{text}{text}echo "$PATH"\n')
    result = subprocess.run(
        ["/bin/sh", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert result.stdout == f"{front[0]}:{front[1]}:/usr/bin:/bin\n"

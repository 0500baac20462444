from __future__ import annotations

import json
import re

import pytest

from envmgr.alm.audit.verify import verify
from envmgr.alm.git_log import Commits
from envmgr.alm.matrix import grid
from envmgr.alm.version_diff import compare
from envmgr.cli.alm.commands import affected, diff, status
from envmgr.cli.alm.output import audit_report, text
from envmgr.cli.alm.output.audit_entries import EntryTable
from envmgr.cli.alm.output.matrix import RenderOptions
from envmgr.cli.alm.output.symbols import ASCII_SYMBOLS, UNICODE_SYMBOLS
from envmgr.cli.output.style import Style
from envmgr.cli.output.table import display_width
from envmgr.ops.alm.affected import Affected, Use
from envmgr.ops.alm.diff import AppDifference, NotDeployed
from support.alm.audit_entries import checkpoints, entries
from support.alm.matrix_builders import cell, matrix, placement

PLAIN, COLOURED = Style(colour=False), Style(colour=True)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def version(number, tag, tools, *, app="shop", commit="", lock="sha256:aa", artifacts=()):
    return {
        "id": number,
        "app": app,
        "tag": tag,
        "commit": commit,
        "toolchain": {
            "lock_digest": lock,
            "tools": [
                {"tool": tool, "version": result, "requests": ["1"], "platforms": []}
                for tool, result in tools
            ],
        },
        "artifacts": [{"name": name, "digest": digest} for name, digest in artifacts],
    }


OLD = version(1, "1.3.2", [("nodejs", "20.9.0"), ("python", "3.11.7"), ("zig", "0.12.0")], commit="a" * 40)
NEW = version(
    2,
    "1.4.0",
    [("nodejs", "20.11.1"), ("python", "3.11.5"), ("go", "1.22.0")],
    commit="b" * 40,
    lock="sha256:bb",
    artifacts=[("image", "sha256:" + "c" * 64)],
)


def difference(before, after, commits=None, app="shop"):
    return AppDifference(app, compare(before, after), commits)


def test_a_diff_lists_commits_tools_and_artifacts():
    commits = Commits(4, 1, (("bbbbbbb", "Make it \x1b[2Jfaster"), ("ccccccc", "Fix")))
    assert list(diff._lines([difference(OLD, NEW, commits)], "", PLAIN, 80)) == [
        "shop  1.3.2 -> 1.4.0",
        "  commit  aaaaaaaaaa -> bbbbbbbbbb",
        "  commits",
        "    bbbbbbb Make it ?[2Jfaster",
        "    ccccccc Fix",
        "    and 2 more",
        "    1 commit removed",
        "  tools",
        "    +  go      1.22.0",
        "    ~  nodejs  20.9.0 -> 20.11.1",
        "    ~  python  3.11.7 -> 3.11.5   downgrade",
        "    -  zig     0.12.0",
        "  artifacts",
        "    +  image  sha256:cccccccccccc",
    ]


def test_a_diff_of_environments_lists_changed_apps_and_counts_equal_ones():
    result = [
        difference(None, NEW, app="shop"),
        difference(OLD, None, app="web"),
        difference(OLD, OLD, app="api"),
    ]
    lines = list(diff._lines(result, "staging -> prod", PLAIN, 80))
    assert "shop  - -> 1.4.0" in lines
    assert "web  1.3.2 -> -" in lines
    assert lines[-1] == "1 other app identical"


def test_on_a_narrow_terminal_versions_are_never_cut():
    for width in (40, 50, 60):
        text = "\n".join(diff._lines([difference(OLD, NEW)], "", PLAIN, width))
        assert "20.9.0 -> 20.11.1" in text
        assert max(map(display_width, text.splitlines())) <= width
    uses = (use("a" * 99, "20.9.0", "e" * 60), use("web", "18.1.0"))
    result = Affected("nodejs", "<20.11.1", True, uses, (), ())
    lines = list(affected._lines(result, "prod", (), PLAIN, 60))
    assert [line.endswith(("nodejs 20.9.0", "nodejs 18.1.0")) for line in lines[1:]] == [True, True]
    assert max(map(display_width, lines)) <= 60


def test_an_undeployed_version_is_not_listed_as_removed():
    tried = grid(matrix([placement("shop", "staging", None, cell(5, 2, "2.0", status="in_progress"))]))
    absent = NotDeployed("staging", tried.rows[0].cells["staging"].latest_attempt)
    result = AppDifference("shop", compare(OLD, None), None, absent)
    assert list(diff._lines([result], "", PLAIN, 80)) == [
        "shop  1.3.2 -> -",
        "  staging  not deployed there (2.0 in progress)",
    ]
    assert json.loads(json.dumps(diff._to_json(result)))["absent"] == {
        "environment": "staging",
        "last_attempt": {"tag": "2.0", "status": "in_progress"},
    }


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([difference(OLD, OLD)], "a -> b: same version"),
        ([difference(OLD, OLD), difference(NEW, NEW)], "a -> b: no differences in 2 apps"),
        ([], "a -> b: not deployed"),
    ],
)
def test_an_empty_diff_reports_no_differences(result, expected):
    assert list(diff._lines(result, "a -> b", PLAIN, 80)) == [expected]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (OLD, {**OLD, "id": 2}, "the same"),
        (OLD, version(2, "2", [], lock=None), "2: no lock file, toolchain unknown"),
        (
            version(1, "1", [("go", "1.0")], lock="sha256:aa"),
            version(2, "2", [("go", "1.0")], lock="sha256:bb"),
            "differs in requests, platforms or archives",
        ),
    ],
)
def test_locks_are_compared_where_tools_are_equal(before, after, expected):
    assert any(
        line.startswith("  lock ") and expected in line
        for line in diff._lines([difference(before, after)], "", PLAIN, 300)
    )


def test_an_entry_of_a_difference_is_json():
    entry = json.loads(json.dumps(diff._to_json(difference(OLD, NEW))))
    assert entry["tools"][1] == {
        "tool": "nodejs",
        "change": "changed",
        "before": "20.9.0",
        "after": "20.11.1",
        "direction": "up",
    }
    assert (entry["before"]["tag"], entry["after"]["tag"]) == ("1.3.2", "1.4.0")
    assert list(entry) == [
        "app",
        "same",
        "before",
        "after",
        "absent",
        "commits",
        "lock_differs",
        "tools",
        "artifacts",
    ]


def test_versions_of_two_apps_are_listed_with_their_apps():
    result = difference(OLD, {**NEW, "app": "blog"}, app=None)
    assert next(iter(diff._lines([result], "", PLAIN, 80))) == "shop@1.3.2 -> blog@1.4.0"
    entry = diff._to_json(result)
    assert (entry["app"], entry["before"]["app"], entry["after"]["app"]) == (None, "shop", "blog")


def use(app, version_, environment="prod"):
    return Use(app, environment, "1.0", 1, version_)


def test_affected_and_undecidable_versions_are_listed_separately():
    result = Affected(
        "nodejs",
        "<20.11.1",
        True,
        (use("shop", "20.9.0"), use("web", "18.1.0")),
        (use("odd", "master"),),
        (use("old", None),),
    )
    assert list(affected._lines(result, "prod", (), PLAIN, 80)) == [
        "2 affected, with nodejs <20.11.1",
        "  shop@1.0  prod  nodejs 20.9.0",
        "  web@1.0   prod  nodejs 18.1.0",
        "",
        "1 unknown: nodejs version not comparable",
        "  odd@1.0  prod  nodejs master",
        "",
        "1 unknown: no lock file",
        "  old@1.0  prod",
    ]


def test_an_empty_result_is_reported_before_undecidable_versions():
    lines = list(
        affected._lines(Affected("go", "<1", True, (), (), (use("old", None),)), None, (), PLAIN, 80)
    )
    assert lines[0] == "no deployed version uses go <1"
    assert lines[2:] == ["1 unknown: no lock file", "  old@1.0  prod"]


@pytest.mark.parametrize(("suggestions", "expected"), [((), ""), (("nodejs",), " (used instead: nodejs)")])
def test_an_unused_tool_suggests_a_similar_used_one(suggestions, expected):
    (line,) = affected._lines(Affected("nodjs", "<1", False, (), (), ()), None, suggestions, PLAIN, 80)
    assert line == f"no deployed version uses nodjs{expected}"


def test_an_intact_log_reports_the_checkpoints_used():
    log = list(entries(9))
    lines = list(
        audit_report.report_lines(
            verify(log, checkpoints(log, 4, 8), checkpoints(log, 4), lambda: 0), PLAIN, 90
        )
    )
    assert lines[0] == "OK: 9 entries verified"
    assert "  checkpoints  2 in the log, latest valid at entry 8" in lines
    assert "  saved        1 saved checkpoint verified" in lines


def test_a_modified_log_reports_the_positions():
    log = list(entries(9))
    del log[3]
    log[0]["actor"] = "user:eve"
    lines = list(audit_report.report_lines(verify(log, []), PLAIN, 90))
    assert lines[0].startswith("FAILED: 3 findings in 8 entries")
    assert "  changed  1  entry 1: hash mismatch" in lines
    assert "  removed  4  entry 4 is missing" in lines
    assert any("without an external checkpoint" in line for line in lines)


def test_dead_letters_are_reported_with_the_commands_of_the_operator():
    lines = list(
        audit_report.report_lines(verify(list(entries(9)), [], count_dead_letters=lambda: 2), PLAIN, 200)
    )
    assert lines[0] == "FAILED: 1 finding in 9 entries"
    assert "  dead-letters    2 events could not be recorded" in lines
    (hint,) = [line for line in lines if line.startswith("hint: ")]
    assert "`envmgr-alm dead-letters list`" in hint
    assert "`envmgr-alm dead-letters retry --all`" in hint


@pytest.mark.parametrize(("count", "is_unknown"), [(None, True), (0, False)])
def test_a_report_shows_whether_dead_letters_are_unknown(count, is_unknown):
    lines = list(
        audit_report.report_lines(verify(list(entries(2)), [], count_dead_letters=lambda: count), PLAIN, 200)
    )
    assert lines[0] == "OK: 2 entries verified"
    assert any(line.startswith("  dead letters  unknown") for line in lines) == is_unknown


@pytest.mark.parametrize(("count", "is_intact"), [(None, True), (0, True), (3, False)])
def test_a_verdict_is_json(count, is_intact):
    entry = json.loads(
        json.dumps(audit_report.report_json(verify(list(entries(2)), [], count_dead_letters=lambda: count)))
    )
    assert (entry["intact"], entry["dead_letters"]) == (is_intact, count)


def test_entries_keep_their_columns_when_more_follow():
    log = list(entries(3))
    attempt = {"app": "shop", "tag": "1.4.0", "environment": "prod", "status": "failed"}
    log[1] = {**log[1], "event_type": "DeploymentUpdated", "actor": "user:ada.lovelace", "payload": attempt}
    lines = EntryTable(PLAIN, 200)
    first, second, third = [*lines.lines(log[:2]), *lines.lines(log[2:])]
    assert second.endswith("DeploymentUpdated  shop@1.4.0 -> prod: failed")
    assert first.index("AppUpdated") == second.index("DeploymentUpdated") == third.index("AppUpdated")
    assert "2023-11-14 22:13:20Z" in first


@pytest.mark.parametrize(
    ("payload", "subject"),
    [
        ({"app": "shop", "tag": "1"}, "shop@1"),
        ({"name": "sh\x1bop"}, "sh?op"),
        ({"username": "ada"}, "ada"),
        (
            {"method": "DELETE", "path": "/apps/1", "reason": "needs apps:write"},
            "DELETE /apps/1: needs apps:write",
        ),
        ({"method": "GET", "path": "/apps", "reason": ""}, "GET /apps"),
        ({"x": [1]}, "app/1"),
    ],
)
def test_the_subject_of_an_entry_comes_from_its_payload(payload, subject):
    (entry,) = entries(1)
    (line,) = EntryTable(PLAIN, 200).lines([{**entry, "payload": payload}])
    assert line.endswith(f"AppUpdated  {subject}")


def test_repeated_denials_are_one_line_with_a_count():
    denied = {"event_type": "AccessDenied", "payload": {"method": "GET", "path": "/apps", "reason": "no"}}
    item, two, three, other, *others = entries(6)
    log = [*({**entry, **denied} for entry in (item, two, three)), other, {**others[0], **denied}, others[1]]
    lines = EntryTable(PLAIN, 200).lines(log)
    assert [line.split()[0] for line in lines] == ["3", "4", "5", "6"]
    assert lines[0].endswith("GET /apps: no (3 times)")
    assert lines[2].endswith("GET /apps: no")


def test_entries_omit_the_year_on_a_narrow_terminal():
    lines = EntryTable(COLOURED, 70).lines([{**item, "payload": {"name": "n" * 99}} for item in entries(3)])
    assert all(display_width(ESCAPES.sub("", line)) == 70 for line in lines)
    assert "2023" not in lines[0]


def test_a_status_ends_with_problems_a_legend_and_omitted_rows():
    result = grid(
        matrix(
            [
                placement("shop", "dev", cell(1, 3, "1.4")),
                placement("shop", "prod", cell(2, 2, "1.3"), cell(9, 3, "1.4", status="failed")),
            ],
            apps=["shop", *"abcdefg"],
        )
    )
    lines = list(status._lines(result, RenderOptions(PLAIN, ASCII_SYMBOLS, 100, 0.0)))
    assert lines[-3:] == [
        "1 app in 2 environments, 1 differs, 1 failed",
        "!= versions differ",
        "not deployed anywhere: a, b, c, d, e and 2 more (run `envmgr alm apps list` to list all)",
    ]
    assert "✓ successful, ✗ failed, ≠ versions differ" in list(
        status._lines(result, RenderOptions(PLAIN, UNICODE_SYMBOLS, 100, 0.0))
    )


def test_an_empty_status_shows_how_to_begin():
    lines = list(
        status._lines(grid(matrix([], apps=["shop"])), RenderOptions(PLAIN, ASCII_SYMBOLS, 100, 0.0))
    )
    assert "envmgr alm deploy" in lines[0]
    assert lines[1].startswith("not deployed anywhere: shop")


def test_empty_facts_are_omitted_and_long_ones_wrapped_with_indent():
    lines = list(text.key_values([("one", "a b"), ("none", ""), ("three", "c d\ne")], PLAIN, 12))
    assert lines == ["  one    a b", "  three  c d\n         e"]


def test_user_texts_cannot_move_the_cursor():
    assert text.escape_line("a\tb\x1b[1m \u202ec\n") == "a b?[1m ?c"
    assert text.escape_text(" one\r\n\x07two ") == "one\n?two"

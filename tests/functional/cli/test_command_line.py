"""Command lines as users type them, and their errors."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from envmgr.kit.config.settings import SETTINGS
from support.http import faults
from support.machine.sandbox import ENVMGR
from support.waiting import wait_until

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of Unix")


# -- forms --------------------------------------------------------------------------------------------------


@pytest.fixture
def plugin_arguments(sandbox):
    """Serve a tool without a manifest, and return the arguments of `plugin add` that replace it."""
    sandbox.publish("nodejs", ("18.2.0", "20.1.0", "20.2.0"), commands=("node",))
    (sandbox.home / "plugins" / "nodejs.json").unlink()
    base = f"{sandbox.server.url}/nodejs"
    return (
        f"{base}/index.json",
        "{version}/bin/node",
        f"{base}/{{version}}/nodejs-{{version}}-linux-x64.tar.gz",
    )


def test_a_plugin_is_added_from_its_parts_and_used(sandbox, plugin_arguments):
    sandbox.ok("plugin", "add", "nodejs", *plugin_arguments)
    written = json.loads((sandbox.home / "plugins" / "nodejs.json").read_text())
    assert list(written) == ["name", "versions_url", "bin_path_template", "download_url_template"]
    sandbox.ok("install", "nodejs", "latest")
    assert sandbox.ok("list").out.split() == ["nodejs", "20.2.0"]
    sandbox.ok("install", "nodejs", "^18.0.0")
    sandbox.ok("use", "nodejs", "20.1.0")
    assert (sandbox.project / ".envmgr").read_text() == "nodejs=20.1.0\n"
    assert sandbox.command(["node", "x"]).out == "node 20.1.0 <x>\n"


def test_a_plugin_without_a_download_template_accepts_an_archive_url(sandbox, plugin_arguments):
    versions_url, bin_template, download_template = plugin_arguments
    sandbox.ok("plugin", "add", "nodejs", versions_url, bin_template)
    url = download_template.replace("{version}", "20.1.0")
    for words in (["nodejs", "20.1.0", url], ["nodejs@20.1.0", url, "--force"]):
        assert "installed nodejs 20.1.0" in sandbox.ok("install", *words).out
    assert sandbox.ok("exec", "nodejs@20", "--", "node").out == "node 20.1.0\n"


def test_a_plugin_is_added_from_a_file_or_a_url_and_removed(sandbox):
    sandbox.publish("alpha")
    path = (sandbox.home / "plugins" / "alpha.json").rename(sandbox.project / "mine.json")
    url = sandbox.server.add("/mine.json", path.read_bytes())
    for source in ("mine.json", url, str(path)):
        assert "added alpha" in sandbox.ok("plugin", "add", "alpha", source).err
        assert "alpha" in sandbox.ok("plugin", "list").out.split()
        assert json.loads(sandbox.ok("plugin", "show", "alpha").out) == json.loads(path.read_text())
        sandbox.ok("plugin", "remove", "alpha")
    assert sandbox.run("plugin", "show", "alpha").code == 1
    result = sandbox.run("plugin", "add", "beta", "mine.json")
    assert "describes alpha, not beta" in result.err
    assert "hint: run `envmgr plugin add alpha mine.json`" in result.err
    assert "is a git repository" in sandbox.run("plugin", "add", "alpha", "https://x.test/alpha.git").err
    assert sandbox.run("plugin", "remove", "nodejs").code == 1


def test_a_plugin_with_a_script_needs_trust(sandbox):
    document = sandbox.manifest("alpha", ("alpha",)) | {"install_script": {"unix": "true"}}
    path = sandbox.project / "alpha.json"
    path.write_text(json.dumps(document))
    result = sandbox.run("plugin", "add", "alpha", "alpha.json")
    assert result.code == 1
    assert "has an install script" in result.err
    assert "--trust" in result.err
    assert not (sandbox.home / "plugins" / "alpha.json").exists()
    sandbox.ok("plugin", "add", "alpha", "alpha.json", "--trust")
    assert sandbox.ok("config", "get", "trusted").out.startswith("sha256:")
    sandbox.ok("config", "unset", "trusted")
    sandbox.ok("plugin", "add", "alpha", "alpha.json", "--yes")
    assert sandbox.ok("config", "get", "trusted").out.startswith("sha256:")


def test_lint_reports_every_issue(sandbox):
    (sandbox.project / "bad.json").write_text(
        '{"name": "x", "versions_url": "https://x.test", "bin": ["../up"], "formt": "zip", "requires": [3]}'
    )
    result = sandbox.run("plugin", "lint", "bad.json")
    assert result.code == 1
    assert "$: unknown field 'formt'; did you mean 'format'?" in result.err
    assert "$.requires[0]: 3 is not of type 'string'" in result.err
    assert sandbox.ok("plugin", "lint", "nodejs").out == "nodejs is valid\n"
    assert sandbox.run("plugin", "lint", "./absent.json").code == 1


def test_install_and_list_accept_a_range(sandbox):
    sandbox.publish("python", ("3.11.9", "3.12.0", "3.12.4", "3.13.0rc1"))
    assert "installed python 3.12.4" in sandbox.ok("install", "python", "^3.12.0").out
    assert sandbox.ok("list", "--remote", "python", ">=3.12").out.splitlines() == [
        "3.12.0  2024-01-01",
        "3.12.4  2024-01-01    installed",
    ]
    sandbox.write("python=3.12")
    lines = sandbox.ok("list", "--remote", "python").out.splitlines()
    assert [line.split()[0] for line in lines] == ["3.11.9", "3.12.0", "3.12.4", "3.13.0rc1"]
    assert [line.split()[2:] for line in lines] == [[], [], ["active"], []]
    assert sandbox.ok("list", "-r", "python@3.11").out.split() == ["3.11.9", "2024-01-01"]
    result = sandbox.run("list", "--remote", "python", "4")
    assert (result.code, result.out) == (1, "")
    assert "no version of python matches 4" in result.err


@POSIX
def test_a_terminal_gets_the_newest_releases_and_a_pipe_all(sandbox):
    sandbox.publish("alpha", [f"1.{minor}.0" for minor in range(50)])
    _, screen = on_terminal(sandbox, "list", "--remote", "alpha", env={"NO_COLOR": "1", "CI": "1"})
    assert [line.split()[0] for line in screen.splitlines() if line.startswith("1.")] == [
        f"1.{minor}.0" for minor in range(10, 50)
    ]
    assert "newest 40 of 50 versions; `--all` shows all" in screen
    _, screen = on_terminal(sandbox, "list", "--remote", "alpha", "--all", env={"NO_COLOR": "1", "CI": "1"})
    assert len([line for line in screen.splitlines() if line.startswith("1.")]) == 50
    piped = sandbox.ok("list", "--remote", "alpha")
    assert (len(piped.out.splitlines()), "--all" in piped.err) == (50, False)


def test_why_explains_the_decision(two_tools):
    two_tools.ok("install")
    lines = two_tools.ok("why", "alpha").out.splitlines()
    assert lines[0] == "alpha 1.1.0 (locked)"
    assert any(line.split() == ["→", "^1.0", ".envmgr"] for line in lines)
    assert any(line.split() == ["-", "$ENVMGR_ALPHA_VERSION"] for line in lines)
    assert "  lock       locked to 1.1.0 in .envmgr.lock" in lines
    assert "  installed  1.1.0" in lines
    assert "  matching   1.1.0, 1.0.0" in lines
    two_tools.write("alpha=^1.0", "beta=>=1")
    beta = two_tools.ok("why", "beta").out
    assert "pre-release: 1.3.0-rc.1" in beta
    assert "lock       >=1 is not in .envmgr.lock" in beta
    young = two_tools.ok("why", "alpha", env={"ENVMGR_MINIMUM_RELEASE_AGE": "99999d"}).out
    assert "newer than minimum_release_age" in young
    two_tools.server.close()
    away = two_tools.ok("why", "alpha", env={"ENVMGR_HTTP_RETRIES": "0", "ENVMGR_OFFLINE": "1"}).out
    assert "alpha 1.1.0" in away
    assert two_tools.run("why", "nodejs").code == 1


def test_settings_are_set_listed_and_unset(sandbox):
    sandbox.ok("config", "set", "minimum_release_age", "7d")
    sandbox.ok("config", "set", "mirrors", "https://a.test/=https://b.test/")
    assert sandbox.ok("config", "get", "minimum_release_age").out == "7d\n"
    path = sandbox.ok("config", "path").out.strip()
    lines = sandbox.ok("config", "list", env={"ENVMGR_JOBS": "2"}).out.splitlines()
    rows = {line.split()[0]: line for line in lines}
    assert rows["jobs"].split()[1:3] == ["2", "ENVMGR_JOBS"]
    assert path in rows["minimum_release_age"]
    assert "https://a.test/=https://b.test/" in rows["mirrors"]
    assert (
        "set minimum_release_age = 0s (default)" in sandbox.ok("config", "unset", "minimum_release_age").err
    )
    assert "did you mean jobs?" in sandbox.run("config", "set", "job", "3").err
    assert "expected true or false" in sandbox.run("config", "set", "offline", "perhaps").err


def test_cache_commands_report_the_content(two_tools):
    two_tools.ok("install")
    listing = two_tools.ok("cache", "list").out
    assert "archive  alpha 1.1.0" in listing
    assert f"list     {two_tools.server.url}/alpha/index.json" in listing
    assert two_tools.ok("cache", "dir").out.strip() in listing
    assert two_tools.ok("cache", "clear").out.startswith("removed ")
    assert two_tools.ok("cache", "list").out.startswith("0 B in ")


# -- did you mean -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["instal"], "did you mean install"),
        (["install", "alpa"], "did you mean alpha?"),
        (["install", "alpha@1.1.1"], "did you mean 1.1.0"),
        (["list", "alpa"], "did you mean alpha?"),
        (["list", "--remote", "alpa"], "did you mean alpha?"),
        (["where", "bta"], "did you mean beta?"),
        (["current", "alpa"], "did you mean alpha?"),
        (["why", "alpa"], "did you mean alpha?"),
        (["which", "alpha-helpr"], "did you mean alpha-helper"),
        (["uninstall", "alpha@3"], "installed: 1.1.0"),
        (["uninstall", "alpa@1.1.0"], "did you mean alpha?"),
        (["config", "get", "offlin"], "did you mean offline?"),
        (["install", "alpha", "1", "2"], "use TOOL@VERSION for several tools"),
    ],
    ids=" ".join,
)
def test_misspelt_names_have_suggestions(two_tools, words, hint):
    two_tools.ok("install")
    result = two_tools.run(*words)
    assert result.code != 0
    assert result.err.startswith("error: ")
    assert hint in result.err
    assert result.out == ""


def test_aliases_of_a_tool_are_accepted(sandbox):
    sandbox.publish("alpha")
    sandbox.add_manifest(sandbox.manifest("alpha", ("alpha",)) | {"aliases": ["al"]})
    sandbox.ok("use", "al", "1.0.0")
    assert (sandbox.project / ".envmgr").read_text() == "alpha=1.0.0\n"
    assert sandbox.ok("where", "al").out == sandbox.ok("where", "alpha").out
    assert sandbox.ok("current", "al").out == sandbox.ok("current", "alpha").out
    assert sandbox.ok("list", "al").out.split()[0] == "alpha"
    assert "removed alpha 1.0.0" in sandbox.ok("uninstall", "al@1.0.0").out


def test_listing_a_tool_without_installations_succeeds(sandbox):
    assert sandbox.ok("list", "nodejs").out.startswith("no version of nodejs installed; run `envmgr install")
    assert sandbox.ok("list").out.startswith("no tools installed")
    assert sandbox.ok("current").out.startswith("no tools configured")


# -- files that cannot be used ------------------------------------------------------------------------------


def test_all_invalid_lines_are_reported_at_once(sandbox):
    sandbox.write("nodejs", "=3", "alpha=1", "alpha=2", "zig=>>1")
    result = sandbox.run("install")
    assert result.code == 1
    path = sandbox.project / ".envmgr"
    for line in (1, 2, 4, 5):
        assert f"{path}:{line}:" in result.err
    assert f"{path}:3:" not in result.err


def test_all_unknown_tools_of_a_project_are_named_with_their_lines(sandbox):
    sandbox.publish("alpha")
    sandbox.write("alpha=1", "alpa=1", "nodjs=20")
    path = sandbox.project / ".envmgr"
    for words in (["install"], ["install", "--dry-run"], ["lock"]):
        result = sandbox.run(*words)
        assert result.code == 1
        assert f"{path}:2:1: unknown tool 'alpa'; did you mean alpha?" in result.err
        assert f"{path}:3:1: unknown tool 'nodjs'; did you mean nodejs?" in result.err
    sandbox.write("alpa=1")
    assert "envmgr plugin add alpa VERSIONS_URL" in sandbox.run("install").err


@pytest.mark.parametrize("text", ["jobs = \n", "jbs = 3\n", 'jobs = "many"\n', "\udcff"])
def test_unreadable_settings_are_named(sandbox, text):
    path = sandbox.home / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(errors="surrogateescape"))
    result = sandbox.run("install", "nodejs")
    assert result.code == 1
    assert str(path) in result.err
    matches = [
        finding
        for finding in sandbox.run("doctor", "--json").json["findings"]
        if finding["check"] == "settings"
    ]
    assert matches[0]["state"] == "error"


@POSIX
def test_a_home_that_cannot_be_written_is_named(sandbox, tmp_path):
    sandbox.publish("alpha")
    blocked = tmp_path / "a file"
    blocked.write_text("")
    home = blocked / "home"
    for words in (["config", "set", "jobs", "2"], ["reshim"], ["install", "jq@1"], ["use", "jq", "1"]):
        result = sandbox.run(*words, env={"ENVMGR_HOME": str(home), "ENVMGR_OFFLINE": "1"})
        assert result.code == 1, result
        assert result.err.startswith("error: ")
        assert str(blocked) in result.err or "offline" in result.err
    findings = sandbox.run("doctor", "--json", "--offline", env={"ENVMGR_HOME": str(home)}).json["findings"]
    assert [finding["state"] for finding in findings if finding["check"] == "directories"] == ["error"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home_is_named(sandbox):
    sandbox.publish("alpha")
    sandbox.home.chmod(0o500)
    try:
        result = sandbox.run("install", "alpha")
    finally:
        sandbox.home.chmod(0o700)
    assert result.code == 1
    assert str(sandbox.home) in result.err


# -- exit codes and the ends of pipes -----------------------------------------------------------------------


def test_errors_have_their_exit_codes(two_tools):
    two_tools.ok("install")
    assert two_tools.run("install", "alpha@9").code == 1
    assert two_tools.run("install", "--nonsense").code == 2
    assert two_tools.run("exec", "--", "sh", "-c", "exit 7").code == 7
    two_tools.write("alpha=2.0.0")
    assert two_tools.run("which", "alpha").code == 127
    assert two_tools.run("which", "beta").code == 126
    assert two_tools.run("which", "nothing").code == 127
    assert two_tools.run("where", "alpha").code == 1
    assert two_tools.run("where", "beta@7").code == 1
    assert two_tools.run("current", "beta").code == 1
    assert two_tools.run("why", "beta").code == 1
    assert two_tools.run("uninstall", "alpha@7").code == 1
    assert two_tools.run("lock", "beta").code == 1
    assert two_tools.run("plugin", "add", "x", "./x.json").code == 1
    assert two_tools.run("exec", "--", "nothing").code == 127
    assert two_tools.run("exec", "alpha@2", "--", "alpha").code == 127
    (two_tools.project / ".envmgr").unlink()
    assert two_tools.run("install").code == 1


def test_an_internal_error_is_one_line_and_a_log(sandbox):
    program = (
        "import sys\nfrom envmgr.cli import main, fast_path\n"
        "fast_path.lookup = None\nsys.exit(main.main(['list']))"
    )
    result = sandbox.command([sys.executable, "-c", program])
    assert result.code == 3
    error, hint = result.err.splitlines()
    assert error.startswith("error: internal error: TypeError")
    assert os.path.isfile(hint.removeprefix("hint: report this bug; details: "))


@POSIX
@pytest.mark.parametrize("words", ["list --remote many", "plugin list", "--help", "config list --json"])
def test_a_closed_pipe_is_not_an_error(sandbox, words):
    sandbox.publish("many", ("1.0.0",))
    sandbox.server.add_json("/many/index.json", [{"version": f"v1.0.{number}"} for number in range(20_000)])
    result = sandbox.command(["bash", "-c", f"set -o pipefail; '{ENVMGR}' {words} | head -c 10"])
    assert result.err == ""
    assert result.code == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="requires /dev/full")
def test_output_that_cannot_be_written_is_an_error(sandbox):
    result = sandbox.command(["sh", "-c", f"'{ENVMGR}' plugin list > /dev/full"])
    assert result.code == 1
    assert result.err.startswith("error: cannot write to stdout: ")
    assert sandbox.command(["sh", "-c", f"'{ENVMGR}' list >&-"]).code == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="requires /dev/full")
@pytest.mark.parametrize(
    "words", ["plugin list", "config list --json", "--help", "--version", "which none --json"]
)
def test_unbuffered_output_that_cannot_be_written_is_not_reported_as_a_bug(sandbox, words):
    sandbox.variables["PYTHONUNBUFFERED"] = "1"
    result = sandbox.command(["sh", "-c", f"'{ENVMGR}' {words} > /dev/full"])
    assert (result.code, result.err) == (
        1,
        "error: cannot write to stdout: No space left on device\n",
    )


@POSIX
def test_ctrl_c_during_a_download_ends_at_once_without_a_traceback(two_tools):
    page = two_tools.server.page("/alpha/1.1.0/alpha-1.1.0-linux-x64.tar.gz")
    page.faults.append(faults.stalled(after=10))
    process = two_tools.start("install", "alpha@1.1.0")
    wait_until(lambda: two_tools.server.requests_for("/alpha/1.1.0/alpha-1.1.0-linux-x64.tar.gz"))
    time.sleep(0.2)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert time.monotonic() - sent < 15
    assert process.returncode == -signal.SIGINT
    assert error.splitlines()[-1] == "interrupted"
    assert "Traceback" not in error


# -- terminals ----------------------------------------------------------------------------------------------


def on_terminal(sandbox, *words, columns=60, env=None, stop=None, keys=""):
    """Run envmgr at a terminal, whose keys are already typed; return its exit code and all output."""
    master, slave = pty.openpty()
    os.write(master, keys.encode())
    process = subprocess.Popen(
        [ENVMGR, *words],
        cwd=sandbox.project,
        env={**sandbox.environment, "COLUMNS": str(columns), **(env or {})},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            block = os.read(master, 1 << 16)
        except OSError:
            break
        if not block:
            break
        seen += block
        if stop and stop in seen:
            process.send_signal(signal.SIGINT)
            stop = None
    os.close(master)
    return process.wait(60), seen.decode(errors="replace")


@POSIX
@pytest.mark.parametrize(("keys", "code", "remaining"), [("\n", 2, 2), ("n\n", 2, 2), ("y\n", 0, 0)])
@pytest.mark.parametrize("name", ["alpha", "alpha@1"])
def test_uninstall_asks_before_several_versions_are_removed(sandbox, name, keys, code, remaining):
    sandbox.publish("alpha", ("1.0.0", "1.1.0"))
    sandbox.ok("install", "alpha@1.0.0")
    sandbox.ok("install", "alpha@1.1.0")
    status, screen = on_terminal(sandbox, "uninstall", name, columns=200, keys=keys)
    assert status == code, screen
    assert "Remove alpha 1.0.0, 1.1.0? [y/N]" in screen
    assert len(sandbox.ok("list", "alpha", "--json").json["tools"]) == remaining


@POSIX
def test_progress_fits_a_narrow_terminal_and_is_erased(two_tools):
    page = two_tools.server.page("/alpha/1.1.0/alpha-1.1.0-linux-x64.tar.gz")
    page.faults.append(faults.stalled(after=10))
    code, seen = on_terminal(two_tools, "install", "alpha", stop=b"downloading")
    assert code == -signal.SIGINT
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert seen.rstrip().endswith("interrupted")


@POSIX
@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"CLICOLOR_FORCE": "1"}, True)],
    ids=str,
)
def test_colours_are_used_only_on_terminals_that_allow_them(two_tools, env, coloured):
    two_tools.ok("install")
    _, seen = on_terminal(two_tools, "list", env=env)
    assert ("\x1b[" in seen) is coloured
    piped = two_tools.ok("list", env=env).out
    assert ("\x1b[" in piped) is ("CLICOLOR_FORCE" in env)


@POSIX
@pytest.mark.parametrize("env", [{"CI": "1"}, {"TERM": "dumb"}], ids=str)
def test_progress_in_a_log_is_plain_lines(two_tools, env):
    code, seen = on_terminal(two_tools, "install", env={**env, "NO_COLOR": "1"})
    assert code == 0
    assert "alpha 1.1.0: downloading (" in seen
    assert "\x1b" not in seen


@POSIX
@pytest.mark.parametrize(
    "words",
    [["install", "alpa"], ["doctor"], ["why", "alpha"], ["plugin", "list"], ["config", "list"], ["current"]],
    ids=" ".join,
)
def test_no_line_is_wider_than_the_terminal(two_tools, words):
    two_tools.ok("install")
    _, seen = on_terminal(two_tools, *words, columns=60, env={"NO_COLOR": "1", "CI": "1"})
    lines = [line for line in seen.splitlines() if str(two_tools.root)[:20] not in line and "://" not in line]
    assert lines
    assert max(map(len, lines)) <= 60


@POSIX
@pytest.mark.parametrize("columns", [60, 80])
def test_settings_and_tools_are_described_whole_on_a_narrow_terminal(two_tools, columns):
    for command, texts in (
        ("config", [setting.description for setting in SETTINGS.values()]),
        ("plugin", ["Python, built to run from any directory (python-build-standalone)"]),
    ):
        _, seen = on_terminal(two_tools, command, "list", columns=columns, env={"NO_COLOR": "1"})
        words = " ".join(seen.split())
        assert [text for text in texts if text not in words] == []


def test_removing_is_reported_in_logs(two_tools):
    two_tools.ok("install")
    assert "alpha 1.1.0: removing the previous files" in two_tools.ok("install", "alpha", "--force").err
    assert "alpha 1.1.0: verifying (" in two_tools.ok("install", "alpha", "--force").err
    assert two_tools.ok("uninstall", "alpha@1.1.0").err == "alpha 1.1.0: removing\n"
    assert "cache: removing" in two_tools.ok("cache", "clear").err
    assert two_tools.ok("--quiet", "cache", "clear").err == ""


# -- doctor -------------------------------------------------------------------------------------------------


def findings(result, check):
    return [finding for finding in result.json["findings"] if finding["check"] == check]


def test_doctor_reports_no_problems_on_a_healthy_machine(two_tools):
    two_tools.ok("install")
    result = two_tools.ok("doctor", "--json")
    assert {finding["state"] for finding in result.json["findings"]} == {"ok"}
    assert not any(finding["fixed"] for finding in two_tools.ok("doctor", "--fix", "--json").json["findings"])


def _spoil_shim(box):
    (box.shims / "alpha").write_text((box.shims / "beta").read_text() + "# changed\n")
    (box.shims / "beta").unlink()


def _change_file(box):
    (box.home / "installs" / "alpha" / "1.1.0" / "bin" / "alpha").write_text("#!/bin/sh\nexit 9\n")


def _remove_file(box):
    (box.home / "installs" / "alpha" / "1.1.0" / "bin" / "alpha-helper").unlink()


def _remove_receipt(box):
    (box.home / "installs" / "beta" / "1.2.0" / ".envmgr-receipt.json").unlink()


def _break_receipt(box):
    (box.home / "installs" / "beta" / "1.2.0" / ".envmgr-receipt.json").write_text("{")


def _leave_staging(box):
    (box.home / "staging" / "12345-dead" / "tree").mkdir(parents=True)


def test_the_doctor_names_several_differences_of_an_installation(two_tools):
    two_tools.ok("install")
    _change_file(two_tools)
    _remove_file(two_tools)
    (finding,) = findings(two_tools.run("doctor", "--json"), "installs")
    assert "bin/alpha: size is 17, expected" in finding["message"]
    assert "bin/alpha-helper is missing" in finding["message"]


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (_spoil_shim, "shims"),
        (_change_file, "installs"),
        pytest.param(_remove_file, "installs", marks=pytest.mark.slow),
        pytest.param(_remove_receipt, "installs", marks=pytest.mark.slow),
        pytest.param(_break_receipt, "installs", marks=pytest.mark.slow),
        pytest.param(_leave_staging, "staging", marks=pytest.mark.slow),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_doctor_detects_and_repairs_damage(two_tools, spoil, check):
    two_tools.ok("install")
    spoil(two_tools)
    before = findings(two_tools.run("doctor", "--json"), check)
    assert before[0]["state"] in {"warning", "error"}
    assert before[0]["hint"]
    fixed = findings(two_tools.run("doctor", "--fix", "--json"), check)
    assert fixed[0]["fixed"]
    assert {item["state"] for item in fixed} == {"ok"}
    after = two_tools.run("doctor", "--json")
    assert {finding["state"] for finding in findings(after, check)} == {"ok"}
    two_tools.ok("install")
    assert two_tools.command(["alpha"]).out == "alpha 1.1.0\n"
    assert two_tools.command(["beta"]).out == "beta 1.2.0\n"


def test_an_installation_removes_what_an_interrupted_one_left(two_tools):
    _leave_staging(two_tools)
    result = two_tools.ok("install")
    assert two_tools.staged() == []
    assert "interrupted installs: removing 1 of 1" in result.err


def test_doctor_names_programs_that_run_in_place_of_requested_tools(two_tools, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("alpha", "beta"):
        (other / name).write_text("#!/bin/sh\n")
        (other / name).chmod(0o755)
    env = {"PATH": f"{two_tools.environment['PATH']}{os.pathsep}{other}"}

    def commands():
        return findings(two_tools.ok("doctor", "--json", env=env), "commands")

    missing = commands()
    assert [(finding["state"], finding["hint"]) for finding in missing] == [
        ("warning", "run `envmgr install`"),
        ("warning", "run `envmgr install`"),
    ]
    assert f"alpha ^1.0 is requested by {two_tools.project}/.envmgr:1" in missing[0]["message"]
    assert f"but other programs run: alpha ({other}/alpha)" in missing[0]["message"]
    two_tools.ok("install", env=env)
    assert [finding["state"] for finding in commands()] == ["ok"]
    (two_tools.shims / "beta").unlink()
    (finding,) = commands()
    assert f"beta ({other}/beta)" in finding["message"]
    assert finding["hint"] == "they have no shims: run `envmgr reshim`"
    two_tools.ok("reshim")
    env["PATH"] = f"{other}{os.pathsep}{two_tools.environment['PATH']}"
    assert [finding["hint"] for finding in commands()] == [
        f"move {two_tools.shims} to the front of PATH",
        f"move {two_tools.shims} to the front of PATH",
    ]


def test_unrepairable_damage_is_reported_and_left_alone(two_tools):
    two_tools.ok("install")
    _change_file(two_tools)
    two_tools.ok("cache", "clear")
    result = two_tools.run("doctor", "--fix", "--offline", "--json")
    assert result.code == 1
    (still, *_) = findings(result, "installs")
    assert "reinstall failed" in still["message"]
    assert not still["fixed"]


def test_doctor_reports_the_environment(two_tools, tmp_path):
    two_tools.ok("install")
    other = tmp_path / "other"
    other.mkdir()
    (other / "alpha").write_text("#!/bin/sh\n")
    (other / "alpha").chmod(0o755)
    path = two_tools.environment["PATH"]
    hidden = two_tools.run("doctor", "--json", env={"PATH": f"{other}{os.pathsep}{path}"})
    assert "shadowed by other programs earlier on PATH: alpha" in findings(hidden, "path")[0]["message"]
    absent = two_tools.run("doctor", "--json", env={"PATH": "/usr/bin:/bin"})
    assert "is not on PATH" in findings(absent, "path")[0]["message"]
    assert absent.code == 0
    (two_tools.home / "plugins" / "bad.json").write_text("{}")
    (two_tools.home / "plugins" / "worse.json").write_text("{")
    bad = two_tools.run("doctor", "--json")
    assert bad.code == 1
    assert len(findings(bad, "plugins")) == 2
    two_tools.write("alpha=2.0.0", "nonsense")
    assert findings(two_tools.run("doctor", "--json"), "project")[0]["state"] == "error"
    two_tools.write("alpha=2.0.0")
    assert findings(two_tools.run("doctor", "--json"), "project")[0]["hint"] == "run `envmgr install`"
    two_tools.server.page("/alpha/index.json").faults.append(faults.status(404))
    assert findings(two_tools.run("doctor", "--json"), "network")[0]["state"] == "warning"
    assert (
        findings(two_tools.run("doctor", "--json", "--offline"), "network")[0]["message"]
        == "skipped (offline)"
    )


# -- questions ----------------------------------------------------------------------------------------------


@POSIX
def test_the_prompt_requires_a_terminal_and_is_answered_by_yes(two_tools):
    two_tools.ok("install")
    two_tools.write("alpha=2.0.0", "beta=latest")
    ask = {"ENVMGR_AUTO_INSTALL": "ask"}
    assert two_tools.run("exec", "--", "alpha", env=ask).code == 127
    assert two_tools.ok("exec", "--yes", "--", "alpha", env=ask).out == "alpha 2.0.0\n"


@POSIX
def test_installing_missing_tools_through_a_shim_is_reported(two_tools):
    two_tools.ok("install")
    two_tools.write("alpha=2.0.0", "beta=latest")
    result = two_tools.command(["alpha"], env={"ENVMGR_AUTO_INSTALL": "always"})
    assert result.out == "alpha 2.0.0\n"
    assert "alpha 2.0.0: downloading (" in result.err

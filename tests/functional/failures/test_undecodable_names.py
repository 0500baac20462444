"""Directories, variables and arguments that are not UTF-8 text, in locales with and without it."""

from __future__ import annotations

import json
import os
import sys

import pytest

from support.machine import terminal
from support.machine.sandbox import ENVMGR, Sandbox
from support.matrices import sample

NAME = os.fsdecode(b"caf\xe9 \xff")
LOCALES = {
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
COMMANDS = (
    ["lock"],
    ["install"],
    ["use", "beta", "1.2.0"],
    ["lock", "--check"],
    ["install", "--locked"],
    ["current"],
    ["which", "alpha"],
    ["where", "alpha"],
    ["why", "alpha"],
    ["list"],
    ["reshim"],
    ["doctor"],
    ["plugin", "show", "alpha"],
    ["config", "list"],
    ["cache", "list"],
    ["alm", "push", "--app", "shop", "--tag", "v1", "--commit", "a" * 40, "--spool"],
    ["--install-completion", "bash"],
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")


@pytest.fixture(params=sample(LOCALES, every=2))
def box(request, tmp_path, server):
    """Return a machine of which every directory has a name that is not UTF-8."""
    root = os.path.join(tmp_path, NAME)
    os.mkdir(root)
    offline = {"ENVMGR_ALM_URL": "http://127.0.0.1:1", "ENVMGR_ALM_TOKEN": "t", "ENVMGR_HTTP_RETRIES": "0"}
    odd_value = {"ODD": os.fsdecode(b"\xff")}
    sandbox = Sandbox(tmp_path / NAME, server, {**LOCALES[request.param], **offline, **odd_value})
    sandbox.publish("alpha", commands=("alpha", "alpha-helper"))
    sandbox.publish("beta", ("0.9.0", "1.2.0"))
    sandbox.write("alpha=^1.0")
    return sandbox


def test_every_command_works_and_prints_valid_json(box):
    for command in COMMANDS:
        result = box.ok("--json", *command)
        assert result.json["schema"]
        assert "\\ud" not in result.out, command
    assert box.ok("exec", "--", "alpha").out == "alpha 1.1.0\n"
    assert (box.project / ".envmgr").read_text() == "alpha=^1.0\nbeta=1.2.0\n"
    for _ in range(2):  # the first run writes the plan of the second
        assert box.command(["alpha"]).out == "alpha 1.1.0\n"
    assert box.ok("uninstall", "beta@1.2.0", "--json").json["removed"][0]["version"] == "1.2.0"


def test_text_has_the_bytes_and_json_a_replacement_character(box):
    box.ok("install")
    path = box.ok("which", "alpha").out.removesuffix("\n")
    assert path == str(box.home / "installs/alpha/1.1.0/bin/alpha")
    assert os.path.isfile(path)
    expected = os.fsencode(path).decode(errors="replace")
    assert "caf\ufffd \ufffd" in expected
    assert box.ok("which", "alpha", "--json").json["path"] == expected


def test_a_terminal_shows_progress_and_errors(box):
    code, _ = terminal.at_terminal(
        [ENVMGR, "install", "-v", "--force"], cwd=box.project, env=box.environment, width=40
    )
    assert code == 0
    (box.project / ".envmgr").write_text("alpha=\n")
    code, _ = terminal.at_terminal([ENVMGR, "install"], cwd=box.project, env=box.environment, width=40)
    assert code == 1


WORD = os.fsdecode(b"n\xf6pe")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["where", WORD], 1, "unknown tool"),
        (["install", f"{WORD}@1"], 1, "unknown tool"),
        (["uninstall", f"{WORD}@1"], 1, "is installed"),
        (["exec", "--", WORD], 127, "command not found"),
        (["plugin", "show", WORD], 1, "unknown tool"),
        (["plugin", "add", "odd", f"http://127.0.0.1:1/{WORD}", "{version}/odd"], 1, "invalid Unicode"),
        (["plugin", "add", "odd", f"http://127.0.0.1:1/{WORD}.json"], 1, "invalid URL"),
        (["install", "alpha", "9.9.9", f"http://127.0.0.1:1/?file={WORD}"], 1, "invalid URL"),
        (["use", "alpha", f"path:{WORD}"], 1, "path is not UTF-8"),
        (["config", "set", "ca_bundle", f"/{WORD}.pem"], 1, "is not UTF-8 text"),
        (["alm", "affected", WORD, "*", "--url", "http://127.0.0.1:1"], 1, "cannot reach"),
        (["alm", "apps", "show", WORD, "--url", "http://127.0.0.1:1"], 1, "cannot reach"),
        (["alm", "versions", "list", "--app", WORD, "--url", "http://127.0.0.1:1"], 1, "cannot reach"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else "",
)
def test_arguments_that_are_not_utf8_are_refused(sandbox, command, code, message):
    sandbox.publish("alpha", ("1.0.0",))
    result = sandbox.run(*command, env={"ENVMGR_HTTP_RETRIES": "0", "ENVMGR_ALM_TOKEN": "t"})
    assert (result.code, message in result.err) == (code, True), result
    assert sandbox.ok("config", "list").err == ""


def test_a_refused_setting_works_as_a_variable(sandbox):
    bundle = os.path.join(sandbox.user_home, f"{WORD}.pem")
    result = sandbox.ok("config", "get", "ca_bundle", "--json", env={"ENVMGR_CA_BUNDLE": bundle})
    assert result.json["value"].endswith("/n\ufffdpe.pem")


def test_files_with_names_that_envmgr_did_not_write_are_ignored(sandbox):
    sandbox.publish("alpha", ("1.0.0",))
    for name in (b"n\xf6pe.json", b"%zz.json", b"a b.json"):
        (sandbox.home / "plugins" / os.fsdecode(name)).write_text(json.dumps({"name": "x"}))
    for name in (b"n\xf6pe", b"%zz"):
        (sandbox.home / "installs" / os.fsdecode(name) / "1.0").mkdir(parents=True)
    assert "alpha" in sandbox.ok("plugin", "list").out
    assert sandbox.ok("doctor").code == 0


def test_a_project_deep_below_long_names_is_locked(sandbox):
    sandbox.publish("alpha", ("1.0.0",))
    deep = sandbox.project.joinpath(*["日本語" * 10] * 12)
    deep.mkdir(parents=True)
    sandbox.ok("use", "alpha", "1.0.0", cwd=deep)
    assert json.loads((deep / ".envmgr.lock").read_text())["resolved"] == {"alpha@1.0.0": "1.0.0"}

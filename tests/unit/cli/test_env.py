"""The forms in which `envmgr env` prints an environment."""

from __future__ import annotations

import json

import pytest

from envmgr.cli import fast_path
from envmgr.cli.main import main


@pytest.fixture(autouse=True)
def empty_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENVMGR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ENVMGR_CEILING", str(tmp_path))
    monkeypatch.setenv("PATH", "/a b:/bin")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ([], "export PATH='/a b:/bin'\n"),
        (["--shell", "fish"], "set -gx PATH '/a b:/bin'\n"),
        (["--shell=elvish"], "set-env PATH '/a b:/bin'\n"),
        (["--dotenv"], "PATH='/a b:/bin'\n"),
    ],
)
def test_each_form_has_its_option(arguments, output, capsys):
    assert main(["env", *arguments]) == 0
    assert capsys.readouterr().out == output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--shell=sh", "--dotenv"],
        ["--dotenv", "--json"],
        ["--shell=sh", "--json"],
        ["--github=env", "--dotenv"],
    ],
)
def test_only_one_form_is_printed(arguments, capsys):
    assert main(["env", *arguments]) == 2
    assert "mutually exclusive" in "".join(capsys.readouterr())


def test_an_unsupported_shell_is_named(capsys):
    assert main(["env", "--shell", "tcsh"]) == 2
    assert "unsupported shell tcsh" in capsys.readouterr().err


def test_an_unsupported_file_of_github_is_named(capsys):
    assert main(["env", "--github", "output"]) == 2
    assert "unsupported file output" in capsys.readouterr().err


def test_the_files_of_github_have_what_the_tools_add_to_the_environment(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ENVMGR_A_VERSION", f"path:{tmp_path / 'one'}")
    monkeypatch.setenv("ENVMGR_B_VERSION", f"path:{tmp_path / 'two'}")
    (tmp_path / ".envmgr").write_text("a=1\nb=1\n")
    for name in ("one", "two"):
        (tmp_path / name / "bin").mkdir(parents=True)
    assert main(["env", "--json"]) == 0
    path = json.loads(capsys.readouterr().out)["path"]
    assert main(["env", "--github", "path"]) == 0
    assert capsys.readouterr().out.splitlines() == path[::-1] != []
    assert main(["env", "--github", "env"]) == 0
    assert capsys.readouterr().out == ""


def test_missing_tools_are_reported_on_stderr(tmp_path, capsys):
    (tmp_path / ".envmgr").write_text("nodejs=20\n")
    assert main(["env"]) == 0
    output = capsys.readouterr()
    assert output.out == "export PATH='/a b:/bin'\n"
    assert output.err.startswith("envmgr: nodejs 20 is not installed")


@pytest.mark.parametrize("line", ["env", "env --dotenv", "env --shell fish"])
def test_plain_forms_need_no_parser(line):
    assert fast_path.lookup(line.split()) in fast_path.READ_ONLY


@pytest.mark.parametrize(
    "line", ["env fish", "env --shell", "env --help", "env fish --shell", "env --shell=fish"]
)
def test_other_forms_are_parsed(line):
    assert fast_path.lookup(line.split()) is None


def test_quiet_prints_no_notes(tmp_path, capsys):
    (tmp_path / ".envmgr").write_text("nodejs=20\n")
    assert main(["-q", "env"]) == 0
    assert capsys.readouterr() == ("export PATH='/a b:/bin'\n", "")

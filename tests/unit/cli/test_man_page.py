"""Manual pages: what help has, in a form that man shows without a warning."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from envmgr.cli import app, man_page
from envmgr.cli.options import Options
from envmgr.kit.errors import UsageError


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Return a directory with all pages."""
    directory = tmp_path_factory.mktemp("man") / "man1"
    assert man_page.run(Options(quiet=True), ["help", "--man-pages", str(directory)]) == 0
    return directory


def test_every_command_and_group_has_a_page(directory):
    names = {man_page.page_name(path) for path in man_page.command_paths(app.tree())}
    assert {file.name for file in directory.iterdir()} == {f"{name}.1" for name in names}
    assert {"envmgr", "envmgr-install", "envmgr-alm-apps-list"} <= names


def test_pages_are_written_below_the_directory_that_is_passed(tmp_path):
    assert man_page.run(Options(quiet=True, cwd=str(tmp_path)), ["help", "--man-pages", "out"]) == 0
    assert (tmp_path / "out" / "envmgr.1").is_file()


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here")
def test_groff_formats_all_pages_without_a_warning(directory):
    files = sorted(str(file) for file in directory.iterdir())
    command = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-P-c", *files]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    assert "envmgr-install - install the project's tools, or the named ones" in result.stdout
    assert "envmgr help" not in result.stdout


def test_a_page_has_what_the_help_has():
    text = man_page.format_page(["list"])
    assert ".B envmgr list\n[OPTIONS] [TOOL] [SPEC]\n" in text
    assert ".B \\-\\-remote, \\-r\n" in text or ".B \\-r, \\-\\-remote\n" in text
    assert ".SH EXAMPLES\n.nf\nenvmgr list \\-\\-remote nodejs ^20\n" in text
    assert text.endswith(".SH SEE ALSO\n.BR envmgr (1)\n")


def test_the_page_of_a_group_lists_its_commands():
    text = man_page.format_page(["plugin"])
    assert ".TP\n.B lint\nReport all issues of a manifest, each with its JSON path.\n" in text
    assert ".BR envmgr\\-plugin\\-add (1)," in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [(".envmgr", "\\&.envmgr"), ("'a'", "\\&'a'"), ("a\\b", "a\\eb"), ("a-b", "a\\-b")],
)
def test_text_is_no_request_and_no_escape_of_roff(text, escaped):
    assert man_page._escape(text) == escaped


def test_a_page_is_printed_as_text_or_as_a_document(capsys):
    assert man_page.run(Options(), ["help", "--man", "use"]) == 0
    text = capsys.readouterr().out
    assert man_page.run(Options(json=True), ["help", "--man", "use"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"schema": "envmgr/man/1", "name": "envmgr-use", "page": text}


@pytest.mark.parametrize("args", [["--man", "nothing"], ["--man", "use", "alm"], ["--man-pages"]])
def test_an_unknown_command_or_no_directory_is_a_usage_error(args):
    with pytest.raises(UsageError):
        man_page.run(Options(), ["help", *args])

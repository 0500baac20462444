"""The documentation and the program name the same commands, options and settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from envmgr.cli import app
from envmgr.kit import errors
from envmgr.kit.config.settings import SETTINGS

ROOT = Path(__file__).parents[3]
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
FILES = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
ALM = (ROOT / "docs" / "alm.md").read_text(encoding="utf-8")
EDITORS = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALLATION = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")


def test_every_command_has_a_section_and_every_section_a_command():
    assert set(re.findall(r"^### (\S+)$", COMMANDS, re.MULTILINE)) == set(app.tree().commands)


@pytest.mark.parametrize("group", ["alm", "cache", "config", "plugin"])
def test_every_command_of_a_group_is_described(group):
    for command in app.tree().commands[group].commands:
        assert re.search(rf"`{group} {command}[ `]", COMMANDS), command


def test_every_option_is_described():
    for name, command in app.tree().commands.items():
        section = re.split(rf"^### {name}$", COMMANDS, flags=re.MULTILINE)[1].split("\n##")[0]
        for item in command.params:
            option = max(item.opts, key=len)
            assert not option.startswith("--") or option == "--help" or option in section, (name, option)


def test_every_setting_is_described():
    rows_of_three_columns = re.findall(r"^\| `(\w+)` \| [^|]*\| .* \|$", FILES, re.MULTILINE)
    assert rows_of_three_columns == list(SETTINGS)


def test_every_error_code_is_listed():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    for kind in kinds:
        assert kind.code == "error" or f"`{kind.code}`" in COMMANDS, kind


@pytest.mark.parametrize(
    "text",
    [README, INSTALLATION, COMMANDS, FILES, CI, EDITORS],
    ids=["README", "installation", "commands", "files", "ci", "editors"],
)
def test_every_documented_command_exists(text):
    commands = {*app.tree().commands, "help"}
    for output in re.findall(r"(?:^\$ |`)envmgr ([a-z]+(?:-[a-z]+)*)\b", text, re.MULTILINE):
        assert output in commands


def test_links_have_a_target():
    for base, text in (
        (ROOT, README),
        (ROOT / "docs", INSTALLATION),
        (ROOT / "docs", COMMANDS),
        (ROOT / "docs", FILES),
        (ROOT / "docs", ALM),
        (ROOT / "docs", CI),
        (ROOT / "docs", EDITORS),
    ):
        for target in re.findall(r"\]\(([^):]+)\)", text):
            path, _, anchor = target.partition("#")
            assert not path or (base / path).is_file(), target
            assert not anchor or path or anchor in anchors(text), target


def anchors(text: str) -> set[str]:
    """Return the link targets of the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}

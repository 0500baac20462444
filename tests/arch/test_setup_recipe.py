"""The set-up commands, in each file that contains them, install pinned files only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
RECIPES = [
    CHECKOUT / "Makefile",
    CHECKOUT / ".ci" / "run",
    *(CHECKOUT / ".github" / "workflows").glob("*.yml"),
]
PIP_INSTALL = re.compile(r"pip install .*")


def install_commands() -> list[str]:
    return [
        command
        for path in RECIPES
        for command in PIP_INSTALL.findall(path.read_text())
        if re.search(r" (?:-r|--requirement)[ =]", command) and "-r requirements/test.in" not in command
    ]


def test_recipes_install_requirements():
    assert len(install_commands()) >= 2


@pytest.mark.parametrize("command", install_commands())
def test_a_requirements_file_is_installed_without_resolving_or_building(command):
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(command.split())


@pytest.mark.parametrize(
    "path", sorted((CHECKOUT / "requirements").glob("*.txt")), ids=lambda path: path.name
)
def test_requirements_are_pinned_and_contain_no_urls(path):
    text = path.read_text()
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert all(re.match(r"[a-z0-9-]+==\S+ ", entry) for entry in entries)
    assert text.count("==") >= len(entries)
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)

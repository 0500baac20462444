"""The distribution's name: defined once, and never another project's package name."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from envmgr.kit.distribution import DISTRIBUTION

CHECKOUT = Path(__file__).parents[2]
INSTALL = re.compile(
    r"\b(?:pip[x3]?|pip3\.\d+|uv|uvx|poetry|pdm|conda|mamba|easy_install)\b"
    r"(?: +(?:tool|pip|self))? +(?!uninstall\b|remove\b)(?:(?:install|add|run|upgrade|inject)\b)?([^\n`]*)"
)
FROM_INDEX = re.compile(
    r"(?:--(?:from|with|spec)=)?(?:envmgr|envmgr-cli|envmgr-toolchain)(?:\[[a-z,]*\])?(?:[=<>~!@].*)?"
)
PUNCTUATION = "\"'.,;:!?()"


def installs_from_an_index(text: str) -> list[str]:
    """Return the commands that install envmgr, or a package named so, from a package index."""
    return [
        match[0].strip()
        for match in INSTALL.finditer(text)
        if " @ " not in match[1]
        and any(FROM_INDEX.fullmatch(word.strip(PUNCTUATION)) for word in match[1].split())
    ]


def texts() -> list[Path]:
    """Return the committed files that may contain instructions to install envmgr."""
    paths = [
        "*.md",
        "docs",
        "src",
        "shims",
        "plugins",
        "scripts",
        "deploy",
        "integrations",
        "templates",
        "action.yml",
        ".github",
        ".ci",
        "Makefile",
        "benchmarks",
        "pyproject.toml",
        "requirements",
        "tests/demo.sh",
    ]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths]
    listing = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    return [CHECKOUT / name for name in listing.split("\0") if name and (CHECKOUT / name).is_file()]


@pytest.mark.parametrize(
    "line",
    [
        "pipx install envmgr",
        "pipx install 'envmgr[server]'",
        "run `pip install envmgr-cli`",
        "    - pip install --upgrade envmgr==0.1",
        'python -m pip install "envmgr>=1"',
        "uv tool install envmgr-toolchain",
        "uvx envmgr install",
        "pipx run envmgr",
        "uv add 'envmgr[server,otel]'",
        "pip3 install envmgr",
        "uvx envmgr@latest",
        "uvx --from envmgr envmgr",
        "uvx --from=envmgr-cli envmgr",
        "pipx   install   envmgr",
        "To start, run pipx install envmgr.",
        "pipx install envmgr, then restart",
        "conda install envmgr",
    ],
)
def test_an_install_from_an_index_is_recognized(line):
    assert installs_from_an_index(line)


@pytest.mark.parametrize(
    "line",
    [
        "pipx install .",
        "pipx install '.[server]'",
        "pip install dist/envmgr_toolchain-0.1.0-py3-none-any.whl",
        "pipx install --force 'envmgr-toolchain[server] @ file:///home/you/envmgr'",
        'pip install "$ENVMGR_WHEEL"',
        "pipx install my-tool",
        "pipx uninstall envmgr-toolchain",
    ],
)
def test_an_install_from_a_clone_or_a_wheel_is_allowed(line):
    assert not installs_from_an_index(line)


def test_no_file_installs_from_an_index():
    """Check that no file installs from an index, before the first release; names of others stay banned."""
    matches = {
        str(path.relative_to(CHECKOUT)): installs_from_an_index(path.read_text(errors="replace"))
        for path in texts()
    }
    assert {name: commands for name, commands in matches.items() if commands} == {}


def test_only_the_distribution_module_contains_the_name():
    owner = CHECKOUT / "src" / "envmgr" / "kit" / "distribution.py"
    sources = [path for path in texts() if path.is_relative_to(CHECKOUT / "src") and path != owner]
    wrong = re.compile(rf"{DISTRIBUTION}|envmgr\[")
    assert [str(path) for path in sources if wrong.search(path.read_text(errors="replace"))] == []


def test_the_project_name_matches_the_name_in_hints():
    assert tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["name"] == DISTRIBUTION

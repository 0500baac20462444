"""Git repositories for tests, isolated from the configuration of the machine."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_TERMINAL_PROMPT": "0",
}


def git(directory: Path, *words: str) -> str:
    """Run git in a directory and return its output."""
    result = subprocess.run(
        ["git", *words],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), **QUIET},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout.strip()


def repository(directory: Path, remote: str = "https://github.com/acme/shop.git") -> Path:
    """Create a repository with one commit on `main`."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "-q", "-b", "main")
    if remote:
        git(directory, "remote", "add", "origin", remote)
    commit(directory, "first")
    return directory


def commit(directory: Path, message: str) -> str:
    """Commit everything in the directory, even if unchanged, and return the commit."""
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "--allow-empty", "-m", message)
    return git(directory, "rev-parse", "HEAD")

"""Queries to pip: the paths of its configuration files, and its default index.

pip has no public Python interface, and its command line needs two runs of some 0.4 s together. Its internal modules
take 0.1 s, so they are tried first; if a later pip moves them, the public command line is the fallback. A test
compares the results of both.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from envmgr.catalog.sources.pip_info import PipInfo
from envmgr.kit.environment import python
from envmgr.kit.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = ("global", "user", "site")  # lowest first


def query_pip(variables: Mapping[str, str]) -> PipInfo:
    """Return the result of the fastest query that works."""
    try:
        return from_modules()
    except (ImportError, AttributeError, KeyError, TypeError):
        return from_command(variables)


def from_modules() -> PipInfo:
    """Query pip's internal modules."""
    from pip._internal.configuration import get_configuration_files
    from pip._internal.models.index import PyPI

    files = {str(kind): paths for kind, paths in get_configuration_files().items()}
    return PipInfo(tuple((kind, path) for kind in _KINDS for path in files[kind]), PyPI.simple_url)


def from_command(variables: Mapping[str, str]) -> PipInfo:
    """Query pip's command line."""
    return PipInfo(
        _listed_files(_run(variables, "config", "debug")),
        _named_default(_run(variables, "download", "--help")),
    )


def _run(variables: Mapping[str, str], *arguments: str) -> str:
    subprocess_env = {
        **variables,
        "COLUMNS": "4000",
        "PYTHONIOENCODING": "utf-8",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    command = [python(), "-m", "pip", *arguments]
    try:
        process = subprocess.run(command, env=subprocess_env, capture_output=True, check=True, timeout=60)  # noqa: S603 - our own interpreter, fixed arguments
    except (OSError, subprocess.SubprocessError) as error:
        raise SourceError(
            f"cannot run pip: {error}",
            "reinstall envmgr: pip is one of its dependencies",
        ) from None
    return process.stdout.decode(errors="replace")


def _listed_files(report: str) -> tuple[tuple[str, str], ...]:
    kind, result = "", []
    for line in report.splitlines():
        section = re.fullmatch(r"(\w+):", line)
        path = re.fullmatch(r"  (.+), exists: (?:True|False)", line)
        kind = section[1] if section else kind
        if path:
            result.append((kind, os.path.normpath(path[1])))
    return tuple(sorted((pair for pair in result if pair[0] in _KINDS), key=lambda p: _KINDS.index(p[0])))


def _named_default(text: str) -> str:
    match = re.search(r"--index-url <url>.*?\(default\s+(\S+)\)", text, re.DOTALL)
    if match is None:
        raise SourceError(
            "cannot determine pip's default index",
            "set one: `pip config set global.index-url URL`, or PIP_INDEX_URL",
        )
    return match[1]

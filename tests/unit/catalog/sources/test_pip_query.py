from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest

from envmgr.catalog.sources import pip_query
from envmgr.kit.errors import SourceError


def test_the_modules_and_the_command_line_of_pip_report_the_same() -> None:
    of_modules, of_command = pip_query.from_modules(), pip_query.from_command(dict(os.environ))
    assert of_modules.default_index == of_command.default_index
    assert [(kind, os.path.normpath(path)) for kind, path in of_modules.files] == list(of_command.files)


def test_pip_has_files_of_every_kind_and_a_default_index() -> None:
    config = pip_query.query_pip(os.environ)
    assert [kind for kind, _ in config.files][-1] == "site"
    assert {kind for kind, _ in config.files} == {"global", "user", "site"}
    assert urlsplit(config.default_index).scheme == "https"


def test_the_command_line_is_used_without_the_modules_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def moved() -> pip_query.PipInfo:
        raise ImportError("no such module")

    monkeypatch.setattr(pip_query, "from_modules", moved)
    assert pip_query.query_pip(dict(os.environ)).default_index.startswith("https://")


def test_a_pip_that_does_not_run_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip_query, "python", lambda: "/nowhere/python")
    with pytest.raises(SourceError, match="cannot run pip") as caught:
        pip_query.from_command({})
    assert "reinstall" in str(caught.value.hint)


def test_a_pip_without_a_default_index_is_an_error_with_a_hint() -> None:
    with pytest.raises(SourceError, match="default"):
        pip_query._named_default("  -i, --index-url <url>  Base URL of the Python Package Index.\n")

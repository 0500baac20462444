"""Command lines of `envmgr alm` that run without the parser do the same as with it."""

from __future__ import annotations

import pytest

from envmgr.cli import app
from envmgr.cli.alm import fast_path
from envmgr.cli.alm.commands import push, status, whoami
from envmgr.cli.options import Options


@pytest.fixture
def calls(monkeypatch):
    """Return the list of calls of commands, which do nothing else."""
    calls = []

    def record(name):
        return lambda *arguments, **options: calls.append((name, arguments, options)) or 0

    for module in (push, status, whoami):
        monkeypatch.setattr(module, "run", record(module.__name__))
    return calls


@pytest.mark.parametrize(
    "args",
    [
        ["whoami"],
        ["status"],
        ["status", "--env", "prod"],
        ["status", "--app=shop", "--env=prod"],
        ["push"],
        ["push", "--tag", "v1.0.0", "--app", "shop", "--commit", "abc1234", "--ref", "main"],
        ["push", "--artifact", "a=@a", "--artifact=b=@b", "--changelog", "Faster", "--spool"],
        ["push", "--require-lock", "--tag="],
    ],
    ids=" ".join,
)
def test_a_usual_form_runs_as_the_parser_runs_it(args, calls):
    command = fast_path.lookup(args)
    assert command is not None
    assert command(Options()) == 0
    assert app.run(Options(), ["alm", *args]) == 0
    assert len(calls) == 2
    assert calls[0] == calls[1]


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["login"],
        ["whoami", "ada"],
        ["status", "-e", "prod"],
        ["status", "--env"],
        ["status", "--env", "--app"],
        ["status", "--env", "a", "--env", "b"],
        ["push", "--spool=yes"],
        ["push", "--help"],
        ["push", "--tags", "v1"],
        ["push", "v1"],
    ],
    ids=" ".join,
)
def test_any_other_form_is_left_to_the_parser(args):
    assert fast_path.lookup(args) is None

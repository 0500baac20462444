"""Help and hints of `envmgr-alm`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envmgr.server.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def restored_umask() -> Iterator[None]:
    """Restore the umask, which the program sets for its whole process."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_help_of_serve_names_every_bus(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = capsys.readouterr().out
    for name in ("nats://HOST:4222", "NATS_URL", "kafka://HOST:9092", "KAFKA_BROKER"):
        assert name in text


@pytest.mark.parametrize(
    ("arguments", "command"), [((), "jobs list"), (("--service", "app"), "jobs list --service app")]
)
def test_a_hint_is_about_the_same_service(capsys, arguments, command):
    assert main(["jobs", "show", "app:x", *arguments]) == 1
    expected = f"error: job app:x not found\nhint: run `envmgr-alm {command}` to list them\n"
    assert capsys.readouterr().err == expected


def test_a_password_is_reset_only_where_a_server_has_data(capsys, tmp_path):
    assert main(["admin", "reset-password", "--data-dir", str(tmp_path / "mistyped")]) == 1
    assert (
        "mistyped contains no server data\nhint: pass the server's data directory" in capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())

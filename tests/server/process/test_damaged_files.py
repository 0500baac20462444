"""Damaged files at start are clear errors with their name and the cure, never bugs."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from support.matrices import sample
from support.server import server_commands
from support.server.server_process import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRETS = ("audit.key", "jwt.secret")
DATABASES = tuple(
    f"{service}.db" for service in ("app", "version", "deployment", "audit", "gateway", "worker")
)
SETTINGS = ("JWT_PRIVATE_KEY", "JWT_JWKS")


def write_garbage(path: Path) -> None:
    """Overwrite a file with a few bytes that are no text; more of them would be a secret like any other."""
    path.write_bytes(b"\xff\x00garbage\n")


def write_nothing(path: Path) -> None:
    """Empty a file."""
    path.write_bytes(b"")


def make_directory(path: Path) -> None:
    """Replace a file with a directory."""
    path.unlink(missing_ok=True)
    path.mkdir()


def make_unreadable(path: Path) -> None:
    """Remove all permissions of a file."""
    path.touch()
    path.chmod(0)


DAMAGES = [
    write_garbage,
    write_nothing,
    make_directory,
    pytest.param(
        make_unreadable,
        marks=pytest.mark.skipif(
            os.name != "posix" or os.geteuid() == 0, reason="file modes have no effect for root"
        ),
    ),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data directory of a server that has stopped."""
    daemon = Daemon(tmp_path_factory.mktemp("original")).start()
    assert daemon.stop() == 0
    return daemon.data


@pytest.fixture
def data(original: Path, tmp_path: Path) -> Path:
    """Return a copy of a server's data directory."""
    return shutil.copytree(original, tmp_path / "data")


def require_clear_error(data: Path, *names: str, **variables: str) -> None:
    """Start a server; check that it stops with one of the names and a hint."""
    done = server_commands.run("serve", "all", "--port", "0", "--data-dir", str(data), environment=variables)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert any(name in done.stderr for name in names), done.stderr
    assert "\nhint: " in done.stderr


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", sample([*SECRETS, *DATABASES], every=3))
def test_a_damaged_file_of_the_data_directory_is_named(
    data: Path, name: str, damage: Callable[[Path], None]
) -> None:
    for journal in data.glob(f"{name}-*"):
        journal.unlink()
    damage(data / name)
    require_clear_error(data, str(data / name))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", SETTINGS)
def test_a_damaged_file_of_a_setting_is_reported_by_the_setting(
    data: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(tmp_path / "key")
    require_clear_error(data, name, **{name: str(tmp_path / "key")})

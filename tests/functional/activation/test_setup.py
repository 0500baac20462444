"""`envmgr setup`: the line in the start file of each shell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from envmgr.cli import main
from envmgr.cli.commands import activation
from envmgr.kit.environment import Environment
from envmgr.ops.activation import shell_named
from envmgr.shells.activation.activation_shell import SHELLS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="start files of Unix")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home directory."""
    for name in ("ZDOTDIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENVMGR_HOME", str(tmp_path / "root"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start_file(home, shell):
    return home.__class__(shell_named(shell).start_file(Environment({"HOME": str(home)}, str(home))))


@pytest.mark.parametrize("shell", SHELLS)
def test_setup_adds_the_line_once_and_remove_undoes_it(home, shell, capsys):
    file = start_file(home, shell)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# mine")
    file.chmod(0o600)
    for _ in range(2):
        assert main.main(["setup", shell, "--yes"]) == 0
    assert file.read_text() == f"# mine\n{shell_named(shell).line} \n"
    assert file.stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        assert main.main(["setup", shell, "--remove", "--yes"]) == 0
    assert file.read_text() == "# mine"
    capsys.readouterr()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_that_setup_created_is_deleted_again(home, shell, capsys):
    assert main.main(["setup", shell, "--yes"]) == 0
    assert start_file(home, shell).is_file()
    assert main.main(["setup", shell, "--yes", "--remove"]) == 0
    assert not start_file(home, shell).exists()
    capsys.readouterr()


def test_the_line_is_shown_and_nothing_written_without_a_confirmation(home, capsys):
    assert main.main(["setup", "zsh"]) == 2
    error = capsys.readouterr().err
    assert f'{home}/.zshrc\n+ eval "$(envmgr activate zsh)"\n' in error
    assert not (home / ".zshrc").exists()


def test_a_link_to_a_start_file_stays_a_link(home, capsys):
    (home / "dotfiles").write_text("x\n")
    (home / ".zshrc").symlink_to("dotfiles")
    assert main.main(["setup", "zsh", "--yes"]) == 0
    assert (home / ".zshrc").is_symlink()
    assert (home / "dotfiles").read_text() == 'x\neval "$(envmgr activate zsh)"\n'
    (home / "dotfiles").write_text('eval "$(envmgr activate zsh)"\n')
    assert main.main(["setup", "zsh", "--yes", "--remove"]) == 0
    assert (home / ".zshrc").read_text() == ""
    capsys.readouterr()


def test_a_link_to_a_file_that_setup_created_stays_a_link(home, capsys):
    (home / ".zshrc").symlink_to("dotfiles")
    assert main.main(["setup", "zsh", "--yes"]) == 0
    assert main.main(["setup", "zsh", "--yes", "--remove"]) == 0
    assert (home / ".zshrc").is_symlink()
    assert not (home / "dotfiles").exists()
    capsys.readouterr()


def test_what_is_written_to_the_file_while_setup_asks_stays(home, monkeypatch, capsys):
    def edit_and_agree(_question):
        (home / ".zshrc").write_text("edited\n")
        return True

    monkeypatch.setattr(activation, "confirm_with", lambda _options: edit_and_agree)
    assert main.main(["setup", "zsh"]) == 0
    assert (home / ".zshrc").read_text() == 'edited\neval "$(envmgr activate zsh)"\n'
    capsys.readouterr()


def test_the_file_that_login_shells_of_bash_read_is_used_on_macos(home, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert start_file(home, "bash").name == ".bash_profile"
    (home / ".profile").touch()
    assert start_file(home, "bash").name == ".profile"
    (home / ".bash_login").touch()
    assert start_file(home, "bash").name == ".bash_login"


def test_a_line_written_by_hand_counts_and_is_not_removed(home, capsys):
    text = '[ -t 0 ] && eval "$(envmgr activate zsh)"\n'
    (home / ".zshrc").write_text(text)
    assert main.main(["setup", "zsh", "--yes"]) == 0
    assert main.main(["setup", "zsh", "--yes", "--remove"]) == 1
    assert f"remove line 1 of {home}/.zshrc" in capsys.readouterr().err
    assert (home / ".zshrc").read_text() == text


def test_the_directory_of_zshs_start_files_applies(home, monkeypatch, capsys):
    monkeypatch.setenv("ZDOTDIR", str(home / "zsh"))
    assert main.main(["setup", "zsh", "--yes"]) == 0
    assert (home / "zsh/.zshrc").is_file()
    capsys.readouterr()

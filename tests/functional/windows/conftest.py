"""Windows, or Wine, and shims in a directory of an unusual name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.machine.windows_machine import SOURCES, WindowsMachine, build, build_shim

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowsMachine]:
    """Yield Windows, or Wine in a directory of its own."""
    with WindowsMachine(tmp_path_factory.mktemp("windows")) as running:
        yield running


@pytest.fixture(scope="session")
def report(machine):
    """Return a program that prints its command line."""
    return build(SOURCES / "report.c", machine.directory / "report.exe")


@pytest.fixture(scope="session")
def shim_program(tmp_path_factory):
    """Return the content of a shim that is a program."""
    return build_shim(tmp_path_factory.mktemp("shim"))

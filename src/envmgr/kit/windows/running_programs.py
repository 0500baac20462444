"""Files of running programs: Windows renames them, but neither replaces nor deletes them.

A directory that holds one cannot even be renamed.
"""

from __future__ import annotations

import contextlib
import os

from envmgr.kit.fs import temporary_name


def move_tree(source: str, target: str) -> None:
    """Rename a directory; where Windows refuses, rename what it holds, hidden files first.

    Raise PermissionError, with all files where they were, for a file that another program keeps open, and is not
    running.
    """
    try:
        os.rename(source, target)
    except PermissionError:
        if not _is_directory(source):
            raise
        os.mkdir(target)
        try:
            _move_content(source, target)
        except BaseException:
            move_tree_back(target, source)
            raise


def _move_content(source: str, target: str) -> None:
    for name in sorted(os.listdir(source)):
        move_tree(os.path.join(source, name), os.path.join(target, name))
    os.rmdir(source)


def move_tree_back(source: str, target: str) -> None:
    """Rename a directory, or add what it holds to what is left of the target, hidden files last.

    A file that cannot be renamed stays.
    """
    try:
        os.rename(source, target)
    except OSError:
        if _is_directory(source):
            _move_content_back(source, target)


def _move_content_back(source: str, target: str) -> None:
    with contextlib.suppress(OSError):
        os.makedirs(target, exist_ok=True)
        for name in sorted(os.listdir(source), reverse=True):
            move_tree_back(os.path.join(source, name), os.path.join(target, name))
        os.rmdir(source)


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


class moved_aside:  # noqa: N801 - reads as the statement it is used as
    """Move a file to a temporary name next to it for a `with` block that writes another.

    After an error it is moved back.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.aside = temporary_name(path)

    def __enter__(self) -> None:
        """Rename the file; raise OSError if that is not possible either."""
        os.rename(self.path, self.aside)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Rename the file back after an error."""
        if kind is not None:
            os.replace(self.aside, self.path)

"""Files of running programs: Windows renames them, but neither replaces nor deletes them.

A directory that holds one cannot even be renamed.
"""

from __future__ import annotations

import os

from envmgr.kit.fs import temporary_name


def move_tree(source: str, target: str) -> None:
    """Rename a directory; where Windows refuses, rename what it holds, hidden files first.

    Raise PermissionError for a file that another program keeps open, and is not running.
    """
    try:
        os.rename(source, target)
    except PermissionError:
        if not os.path.isdir(source) or os.path.islink(source):
            raise
        os.mkdir(target)
        for name in sorted(os.listdir(source)):
            move_tree(os.path.join(source, name), os.path.join(target, name))
        os.rmdir(source)


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

"""Changes of requests in a dotfile that are undone if what follows fails."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from envmgr.project import dotfile_edit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from envmgr.project.dotfile import Dotfile
    from envmgr.project.dotfile_edit import Edit
    from envmgr.resolve.context import Context


def write_requests(
    context: Context, path: str, requests: Sequence[tuple[str, str]]
) -> AbstractContextManager[Dotfile]:
    """Return a context with the changed dotfile, which is restored if the block raises."""
    return _restored_on_error(context, path, dotfile_edit.write_requests(context.paths, path, requests))


def remove_requests(context: Context, path: str, tools: Sequence[str]) -> AbstractContextManager[Dotfile]:
    """Return a context with the dotfile without some tools; it is restored if the block raises."""
    return _restored_on_error(context, path, dotfile_edit.remove_requests(context.paths, path, tools))


@contextlib.contextmanager
def _restored_on_error(context: Context, path: str, edit: Edit | None) -> Iterator[Dotfile]:
    if edit is not None:
        context.forget_project()
    try:
        yield next(file for file in context.project.files if file.path == path)
    except BaseException:
        if edit is not None:
            dotfile_edit.restore(context.paths, path, edit)
            context.forget_project()
        raise

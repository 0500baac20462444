"""What commands of `envmgr alm` share: the server that the options ask for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from envmgr.cli.console import open_context
from envmgr.cli.output import progress
from envmgr.kit.errors import AlmConflict
from envmgr.ops.alm.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.alm.client.api import Api
    from envmgr.cli.options import Options
    from envmgr.resolve.context import Context


@contextlib.contextmanager
def alm_context(options: Options) -> Iterator[Context]:
    """Give the context that the options ask for; its connections are closed in the end."""
    with (
        progress.show_progress(options) as watcher,
        contextlib.closing(open_context(options, watcher)) as context,
    ):
        yield context


@contextlib.contextmanager
def with_conflict_hint(hint: str) -> Iterator[None]:
    """Say this way out of a conflict that brings none of its own."""
    try:
        yield
    except AlmConflict as error:
        error.hint = error.hint or hint
        raise


@contextlib.contextmanager
def alm_client(options: Options) -> Iterator[Api]:
    """Give the server that the options ask for."""
    with alm_context(options) as context:
        yield connect(context, options.alm_url, options.alm_token)

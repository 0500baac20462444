"""Connection of commands to the server in their options."""

from __future__ import annotations

import contextlib

from envmgr.cli.console import open_context
from envmgr.cli.output import progress
from envmgr.kit.errors import AlmConflict
from envmgr.ops.alm.connection import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.alm.client.api import Api
    from envmgr.cli.options import Options
    from envmgr.resolve.context import Context


@contextlib.contextmanager
def alm_context(options: Options) -> Iterator[Context]:
    """Yield the context for the options; close its connections at the end."""
    with (
        progress.show_progress(options) as display,
        contextlib.closing(open_context(options, display)) as context,
    ):
        yield context


@contextlib.contextmanager
def with_conflict_hint(hint: str) -> Iterator[None]:
    """Add a hint to a conflict without one."""
    try:
        yield
    except AlmConflict as error:
        error.hint = error.hint or hint
        raise


@contextlib.contextmanager
def alm_client(options: Options) -> Iterator[Api]:
    """Yield a client for the server in the options."""
    with alm_context(options) as context:
        yield connect(context, options.alm_url, options.alm_token)

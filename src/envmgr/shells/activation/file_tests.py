"""Tests of files, in the syntax that `[[` of bash and zsh shares with `test` of fish."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envmgr.shells.activation.environment_plan import Checks, Input


def file_tests(checks: Checks, quote: Callable[[str], str]) -> Iterator[str]:
    """Yield the tests that all files are as they were; each must be true."""
    mark = quote(checks.mark) if checks.mark else ""
    if mark:
        yield f"-f {mark}"
    for item in checks.inputs:
        yield from _input_tests(item, mark, quote)
    for directory, exists in checks.directories.items():
        yield f"{'' if exists else '! '}-d {quote(directory)}"


def _input_tests(item: Input, mark: str, quote: Callable[[str], str]) -> Iterator[str]:
    """Yield the tests of a file; zsh takes a missing one for neither newer nor older."""
    path = quote(item.path)
    yield f"! -f {path}" if item.mtime_ns is None else f"-f {path}"
    if item.mtime_ns is None or not mark:
        return
    yield f"! {path} -nt {quote(item.stamp) if item.stamp else mark}"
    if item.stamp:
        yield f"! {path} -ot {quote(item.stamp)}"

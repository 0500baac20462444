"""Files with a version, or a tool and its versions, in each line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.project.foreign.entry import ForeignRequest, Skipped, to_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envmgr.project.foreign.entry import ForeignRequest as Request

    Entry = Request | Skipped

_GO_LINE = re.compile(r"(go|toolchain)\s+(\S+)")


def read_tool_versions(text: str) -> Iterator[Entry]:
    """Yield the requests of asdf's `.tool-versions`: a tool and its versions, the first is the default."""
    for number, line in _lines(text):
        tool, *versions = line.split()
        if versions:
            yield ForeignRequest(tool, ", ".join(map(to_spec, versions)), number)
        else:
            yield Skipped(tool, "it has no version", number)


def version_reader(tool: str) -> Callable[[str], Iterator[Entry]]:
    """Return the reader of a file with the version of one tool; further lines are further versions."""

    def read(text: str) -> Iterator[Entry]:
        lines = list(_lines(text))
        if lines:
            yield ForeignRequest(tool, ", ".join(to_spec(line.split()[0]) for _, line in lines), lines[0][0])
        else:
            yield Skipped(tool, "the file has no version")

    return read


def read_go_mod(text: str) -> Iterator[Entry]:
    """Yield the toolchain of `go.mod`; its `go` line is only a minimum."""
    lines_by_keyword = {
        match[1]: (number, match[2])
        for number, line in _lines(text.replace("//", "#"))
        if (match := _GO_LINE.fullmatch(line))
    }
    if "toolchain" in lines_by_keyword:
        number, version = lines_by_keyword["toolchain"]
        yield ForeignRequest("go", to_spec(version), number)
    elif "go" in lines_by_keyword:
        number, version = lines_by_keyword["go"]
        yield Skipped("go", f"go {version} is the minimum, and no toolchain is set", number)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines without comments and blanks."""
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            yield number, content

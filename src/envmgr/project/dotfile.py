"""`.envmgr`: one `TOOL=VERSION` a line, read with all its errors at once, and edited a line at a time."""

from __future__ import annotations

from envmgr import versions
from envmgr.kit.frozen import frozen
from envmgr.kit.text_encoding import UTF16_BOMS, decode_text
from envmgr.lockformat.names import is_tool
from envmgr.project.request import Origin, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.kit.errors import DotfileError

NAME = ".envmgr"
LIMIT = 2**20
MAX_ISSUES = 50

_HINT = "expected one TOOL=VERSION per line, such as `nodejs=^20.1`; `#` starts a comment"
_BLANKS = " \t"
_BOM = "\ufeff"
_CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
_MAX_QUOTE_LENGTH = 60


@frozen
class Dotfile:
    """Requests of one file, in its order; `is_global` marks the user's own file, below every project's."""

    path: str
    entries: tuple[Request, ...]
    is_global: bool = False

    def request(self, tool: str) -> Request | None:
        """Return the request for a tool."""
        return next((entry for entry in self.entries if entry.tool == tool), None)


@frozen
class _ParsedLine:
    """A line's tool and version, and where in the line (from 0) they and the version's end are."""

    tool: str
    value: str
    tool_at: int
    value_at: int

    @property
    def end(self) -> int:
        return self.value_at + len(self.value)


class _LineError(Exception):
    """One thing wrong with a line, and where (from 0)."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column


def decode(content: bytes, path: str) -> str:
    """Return the text of a file's content; raise DotfileError if it is not text or too long.

    The text is UTF-8, or UTF-16 with a BOM.
    """
    if len(content) > LIMIT:
        raise _dotfile_error([f"{path}: exceeds {LIMIT // 2**20} MB"], _HINT)
    if content.startswith(UTF16_BOMS):
        return _decode_utf16(content, path)
    if b"\0" in content:
        raise _dotfile_error([f"{_position(content, content.index(0), path)}: NUL byte"], _HINT)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        issue = f"{_position(content, error.start, path)}: not UTF-8 (byte 0x{content[error.start]:02x})"
        raise _dotfile_error([issue], "save the file as UTF-8") from None


def _decode_utf16(content: bytes, path: str) -> str:
    try:
        text = decode_text(content)
    except UnicodeDecodeError as error:
        issue = f"{path}: invalid UTF-16 at byte {error.start + 1}"
        raise _dotfile_error([issue], "save the file as UTF-8") from None
    return decode(text.encode(), path)


def _position(content: bytes, offset: int, path: str) -> str:
    start = content.rfind(b"\n", 0, offset) + 1
    before = content[start:offset].decode(errors="replace").removeprefix(_BOM)
    return f"{path}:{content.count(10, 0, offset) + 1}:{len(before) + 1}"


def parse(text: str, path: str, *, is_global: bool = False) -> Dotfile:
    """Read a dotfile; raise DotfileError with every bad line."""
    kind = "global" if is_global else "file"
    entries: dict[str, Request] = {}
    issues: list[str] = []
    for number, line in enumerate(text.removeprefix(_BOM).split("\n"), 1):
        try:
            statement = _read(line)
            if statement:
                _check_new(statement, entries)
                origin = Origin(kind, path, number, statement.tool_at + 1)
                entries[statement.tool] = Request(statement.tool, _specs(statement), origin)
        except _LineError as bad:
            issues.append(f"{path}:{number}:{bad.column + 1}: {bad}")
    if issues:
        raise _dotfile_error(_shorten_issues(issues), _HINT)
    return Dotfile(path, tuple(entries.values()), is_global)


def with_request(text: str, tool: str, spec: str, path: str = NAME) -> str:
    """Return the text with a tool's line changed, or added at the end; every other byte stays as it is.

    Raise DotfileError if the text is not a dotfile, or would not be one afterwards.
    """
    existing = parse(text, path).request(tool)
    bom = _BOM if text.startswith(_BOM) else ""
    lines = text.removeprefix(_BOM).split("\n")
    if existing and existing.origin.line:
        lines[existing.origin.line - 1] = _change_version(lines[existing.origin.line - 1], spec)
    else:
        lines = _append_line(lines, f"{tool}{_equals(lines)}{spec}")
    changed = bom + "\n".join(lines)
    _check_edit(changed, tool, spec, path)
    return changed


def without_request(text: str, tool: str, path: str = NAME) -> str:
    """Return the text without a tool's line; every other byte stays as it is; raise DotfileError."""
    existing = parse(text, path).request(tool)
    if existing is None or not existing.origin.line:
        return text
    bom = _BOM if text.startswith(_BOM) else ""
    lines = text.removeprefix(_BOM).split("\n")
    del lines[existing.origin.line - 1]
    return bom + "\n".join(lines)


def parse_specs(text: str) -> tuple[str, ...]:
    """Parse the value: one spec, or several separated by commas; raise ValueError."""
    if text.startswith("path:"):
        specs: tuple[str, ...] = (text,)
    else:
        specs = versions.split_requests(text)
    for spec in specs:
        versions.classify(spec)
    return specs


def _read(line: str) -> _ParsedLine | None:
    """Read one line; None if it is blank or a comment alone."""
    body = _body(line)
    return _statement(body) if body else None


def _body(line: str) -> str:
    return line[: _comment_at(line)].rstrip(f"{_BLANKS}\r")


def _statement(body: str) -> _ParsedLine:
    _check_characters(body)
    if body.startswith(_CONFLICT):
        raise _LineError(0, "unresolved merge conflict: keep one side of it")
    left, equals, right = body.partition("=")
    tool, value = left.strip(_BLANKS), right.strip(_BLANKS)
    start = len(body) - len(body.lstrip(_BLANKS))
    if not equals:
        raise _LineError(start, _no_equals(tool))
    _check_tool(tool, value, start)
    if not value:
        raise _LineError(len(body), f"{tool} has no version; use `{tool}=latest`")
    return _ParsedLine(tool, value, start, len(body) - len(value))


def _comment_at(line: str) -> int:
    at = line.find("#")
    while at > 0 and line[at - 1] not in _BLANKS:
        at = line.find("#", at + 1)
    return at if at >= 0 else len(line)


def _check_characters(body: str) -> None:
    if body.isprintable():
        return
    for column, character in enumerate(body):
        if not character.isprintable() and character not in _BLANKS:
            raise _LineError(column, f"invalid character U+{ord(character):04X}")


def _no_equals(text: str) -> str:
    tool, *spec = text.split(maxsplit=1)
    if is_tool(tool) and spec:
        return f"missing `=`; did you mean `{_short(f'{tool}={spec[0]}')}`?"
    if is_tool(text):
        return f"{text} has no version; use `{text}=latest`"
    return f"expected TOOL=VERSION, got {_short(text)!r}"


def _check_tool(tool: str, value: str, column: int) -> None:
    if is_tool(tool):
        return
    if not tool:
        raise _LineError(column, "missing tool name before the `=`")
    bare = tool.rstrip("<>~^!=")
    if bare != tool and is_tool(bare.rstrip(_BLANKS)):
        meant = f"{bare.rstrip(_BLANKS)} = {tool[len(bare) :]}={value}"
        raise _LineError(column, f"put the operator after the `=`: `{_short(meant)}`")
    if is_tool(tool.lower()):
        raise _LineError(column, f"tool names are lower case: use `{tool.lower()}`")
    raise _LineError(column, f"invalid tool name {_short(tool)!r}")


def _check_new(statement: _ParsedLine, entries: dict[str, Request]) -> None:
    earlier = entries.get(statement.tool)
    if earlier:
        raise _LineError(statement.tool_at, f"{statement.tool} is already set in line {earlier.origin.line}")


def _specs(statement: _ParsedLine) -> tuple[str, ...]:
    try:
        return parse_specs(statement.value)
    except ValueError as error:
        piece = getattr(error, "piece", "")
        offset = max(0, statement.value.find(piece))
        raise _LineError(statement.value_at + offset, f"{statement.tool}: {error}") from None


def _shorten_issues(issues: list[str]) -> list[str]:
    more = len(issues) - MAX_ISSUES
    return [*issues[:MAX_ISSUES], f"and {more} more errors"] if more > 0 else issues


def _short(text: str) -> str:
    return text if len(text) <= _MAX_QUOTE_LENGTH else f"{text[:_MAX_QUOTE_LENGTH]}…"


def _change_version(line: str, spec: str) -> str:
    """Return a line with another version; its comment keeps its column if possible."""
    statement = _statement(_body(line))
    suffix = line[statement.end :]
    comment = suffix.lstrip(_BLANKS)
    gap = suffix[: len(suffix) - len(comment)]
    if comment.startswith("#") and "\t" not in gap:
        gap = " " * max(1, len(gap) + len(statement.value) - len(spec))
    return f"{line[: statement.value_at]}{spec}{gap}{comment}"


def _equals(lines: list[str]) -> str:
    """Return the `=` with the blanks around it that the file's last line has."""
    for line in reversed(lines):
        statement = _read(line)
        if statement:
            between = line[statement.tool_at + len(statement.tool) : statement.value_at]
            return between if between in {"=", " = "} else "="
    return "="


def _append_line(lines: list[str], line: str) -> list[str]:
    """Add a line at the end, ended as the first is; the last of the lines is what follows the last feed."""
    end = "\r" if lines[0].endswith("\r") else ""
    if lines[-1] == "":
        return [*lines[:-1], line + end, ""]
    return [*lines[:-1], lines[-1] + end, line + end, ""]


def _check_edit(changed: str, tool: str, spec: str, path: str) -> None:
    """Raise DotfileError for an edit that would parse as something else."""
    try:
        meant = parse_specs(spec)
    except ValueError as error:
        raise _dotfile_error([f"{path}: {tool}: {error}"], _HINT) from None
    request = parse(changed, path).request(tool)
    if request is None or request.specs != meant:
        raise _dotfile_error([f"{path}: invalid version {_short(spec)!r} for {_short(tool)}"], _HINT)


def _dotfile_error(issues: Sequence[str], hint: str | None = None) -> DotfileError:
    """Create the error; its class is imported only here, as start-up does not need it."""
    from envmgr.kit.errors import DotfileError

    return DotfileError(issues, hint)

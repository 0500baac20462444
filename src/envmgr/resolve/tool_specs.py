"""Tools as the command line names them: `TOOL`, `TOOL@SPEC`, `TOOL SPEC`."""

from __future__ import annotations

from envmgr import versions
from envmgr.kit.frozen import frozen
from envmgr.kit.usage_error import usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


VERSION_OPERATORS = frozenset("^~<>=|")
VERSION_START = VERSION_OPERATORS | frozenset("0123456789*")


@frozen
class ToolSpec:
    """A tool and its optional spec."""

    tool: str
    spec: str | None = None


def build_tool_spec(tool: str, spec: str | None) -> ToolSpec:
    """Return the spec of a tool from arguments; raise InvalidRequest if it does not parse."""
    if spec is not None:
        if not spec.strip():
            raise usage_error(f"empty version for {tool}", f"for example: {tool}@latest")
        try:
            versions.classify(spec)
        except ValueError as error:
            from envmgr.kit.errors import InvalidRequest

            raise InvalidRequest(
                f"{tool}@{spec}: {error}", "use a version such as 20.1.0, 20, ^20.1, '>=20 <22' or latest"
            ) from None
    return ToolSpec(tool, spec)


def parse(text: str) -> ToolSpec:
    """Read `nodejs`, `nodejs@^20`, `npm:@scope/name@1.2`."""
    source = text.find(":") + 1 if ":" in text.partition("@")[0] else 0
    at = text.find("@", source + 1)
    tool, spec = (text, None) if at < 0 else (text[:at], text[at + 1 :])
    if not tool or spec == "" or tool.startswith("-"):
        raise usage_error(f"expected TOOL@VERSION, got {text!r}", "for example: nodejs@^20")
    if "=" in tool:  # as in a dotfile
        name, _, version = text.partition("=")
        raise usage_error(f"expected TOOL@VERSION, got {text!r}", f"write {name}@{version}")
    require_tool_name(tool)
    return build_tool_spec(tool, spec)


def require_tool_name(text: str) -> None:
    """Raise UsageError for a version, a URL or a path in place of a tool."""
    prefix, colon, remainder = text.partition(":")
    if not colon:
        return
    from envmgr.catalog.sources.kinds import is_package_prefix, placeholders

    if is_package_prefix(prefix):
        return
    if remainder.startswith("//"):
        raise usage_error(
            f"{text} is a URL, not a tool", f"write TOOL VERSION URL: envmgr install TOOL 1.2.3 {text}"
        )
    if prefix in versions.PREFIXES:
        raise usage_error(f"{text} is a version, not a tool", f"write TOOL@{text}")
    if remainder[:1] in VERSION_START:
        raise usage_error(f"expected TOOL@VERSION, got {text!r}", f"write {prefix}@{remainder}")
    raise usage_error(
        f"unknown source {prefix}: in {text!r}",
        f"write TOOL@VERSION, or a package: {placeholders()}; a directory is `TOOL=path:DIR` in .envmgr",
    )


def from_two_args(tool: str, spec: str) -> ToolSpec:
    """Parse a tool and its spec in two arguments; raise UsageError if the first has a spec too."""
    item = parse(tool)
    _check_single(item, spec)
    return build_tool_spec(item.tool, spec)


def _check_single(item: ToolSpec, spec: str) -> None:
    """Raise UsageError for a second version of a tool."""
    if item.spec is not None:
        raise usage_error(f"{item.tool} has two versions: {item.spec} and {spec}", "omit one of them")


def parse_many(args: Sequence[str], is_tool: Callable[[str], bool]) -> list[ToolSpec]:
    """Read several tools, or one tool and its spec in two words."""
    if len(args) == 2 and parse(args[0]).spec is None and _is_spec(args[1], is_tool):  # noqa: PLR2004 - TOOL SPEC
        return [build_tool_spec(args[0], args[1])]
    from itertools import pairwise

    tools = [parse(arg) for arg in args]
    for previous, tool in pairwise(tools):
        if tool.spec is None and tool.tool[:1] in VERSION_START and not is_tool(tool.tool):
            _check_single(previous, tool.tool)
            raise usage_error(
                f"unknown tool {tool.tool}",
                f"use TOOL@VERSION for several tools: {previous.tool}@{tool.tool}",
            )
    return tools


def _is_spec(arg: str, is_tool: Callable[[str], bool]) -> bool:
    """Return whether an argument is a spec, not another tool."""
    from envmgr.catalog.sources.kinds import is_package_prefix

    source, colon, _ = arg.partition(":")
    names_source = bool(colon) and is_package_prefix(source)
    brings_spec = "@" in arg[1:] and arg[0].isalpha()
    return not (names_source or brings_spec or is_tool(arg))

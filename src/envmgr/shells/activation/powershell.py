"""Environment plans for PowerShell: expressions in ASCII, as code pages differ."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.shells.activation.environment_plan import EnvironmentPlan, Input

_TICK_NS = 100


def quote(text: str) -> str:
    """Return an expression for a text; typographic quotes, which PowerShell takes for quotes, are numbers."""
    plain = "'" + "".join(map(_quote_character, text)) + "'"
    return f"({plain})" if " + " in plain else plain


def _quote_character(character: str) -> str:
    if character == "'":
        return "''"
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    numbers = (int.from_bytes(units[index : index + 2], "big") for index in range(0, len(units), 2))
    return "".join(f"' + [char]{number} + '" for number in numbers)


def render(planned: EnvironmentPlan) -> str:
    """Return a plan as a hash table; variables are pairs, as their names may differ only in case."""
    checks = planned.checks
    fields = {
        "project": quote(planned.project),
        "path": _array(map(quote, planned.path)),
        "exports": _pairs(planned.exports),
        "note": quote(planned.note),
        "settled": _boolean(checks.is_settled),
        "mark": quote(checks.mark),
        "variables": _pairs(checks.variables),
        "inputs": _array(map(_describe_input, checks.inputs)),
        "directories": _array(
            f"@{{ path = {quote(path)}; exists = {_boolean(exists)} }}"
            for path, exists in checks.directories.items()
        ),
    }
    return "@{\n" + "".join(f"    {name} = {value}\n" for name, value in fields.items()) + "}\n"


def _array(items: Iterable[str]) -> str:
    return f"@({', '.join(items)})"


def _pairs(values: Mapping[str, str]) -> str:
    return _array(f"@{{ name = {quote(name)}; value = {quote(value)} }}" for name, value in values.items())


def _describe_input(item: Input) -> str:
    """Return a file and its time in units of 100 ns, as .NET reads it; empty if it is absent."""
    time = "" if item.mtime_ns is None else str(item.mtime_ns // _TICK_NS)
    return f"@{{ path = {quote(item.path)}; time = '{time}' }}"


def _boolean(value: bool) -> str:
    return "$true" if value else "$false"

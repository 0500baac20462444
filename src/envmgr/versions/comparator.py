"""Parser of comparators: one side of `||`.

Text is split at blanks and commas, without patterns, so parsing takes linear time.
"""

from __future__ import annotations

from envmgr.kit.frozen import frozen, replace
from envmgr.versions.errors import SpecError
from envmgr.versions.interval import FROM, OPERATORS, Operand
from envmgr.versions.version import FULL, Version, read, split_variant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATOR_CHARACTERS = "^~<>=!"
LIMIT = 1_024
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t.,+-_~^<>=!|*/@:")
_WILDCARDS = frozenset("xX*")
_BOUNDS = frozenset({"<", "<=", ">", ">="})


@frozen
class Comparator:
    """An operator (empty for none) and its operand."""

    operator: str
    operand: Operand

    @property
    def is_exact(self) -> bool:
        """Return whether this matches exactly one version."""
        if self.operator == "==":
            return not self.operand.wild
        return self.operator in {"", "="} and not self.operand.is_short


def check(text: str) -> None:
    """Raise SpecError for text that is invalid for every tool."""
    if len(text) > LIMIT:
        raise SpecError(text, f"longer than {LIMIT:,} characters")
    for character in text:
        if character not in _ALLOWED:
            raise SpecError(character, f"invalid character in version {text[:60]!r}")
    if ".." in text:
        raise SpecError(text, "two dots in a row")
    if text.lstrip(" \t").startswith("-"):
        raise SpecError(text, "starts with '-', like an option")


def read_comparators(text: str, variants: tuple[str, ...]) -> tuple[Comparator, ...]:
    """Parse a set of comparators; a hyphen range is two, an empty set none, which matches everything."""
    words = text.split()
    if len(words) == 3 and words[1] == "-":  # noqa: PLR2004 - the three words of `a - b`
        low, high = _operand(words[0], variants), _operand(words[2], variants)
        return (Comparator(FROM, low), Comparator("<=", high))
    if not words:
        return ()
    return tuple(_comparator(piece, variants) for part in text.split(",") for piece in _pieces(part, text))


def _pieces(part: str, text: str) -> Iterator[str]:
    """Yield each operator joined with its operand."""
    words = part.split()
    if not words:
        raise SpecError(text.strip(), "empty comparator around ','")
    operator = ""
    for word in words:
        bound = word.removeprefix("=") if operator else word
        if operator and bound[:1] in OPERATOR_CHARACTERS:
            raise SpecError(f"{operator} {word}", "operator without a version")
        if word.strip(OPERATOR_CHARACTERS):
            yield operator + bound
            operator = ""
        else:
            operator = word
    if operator:
        raise SpecError(operator, "operator without a version")


def _comparator(piece: str, variants: tuple[str, ...]) -> Comparator:
    name = piece.lstrip(OPERATOR_CHARACTERS)
    operator = piece[: len(piece) - len(name)]
    if operator not in OPERATORS:
        raise _unknown_operator(operator, piece)
    operand = _operand(name, variants)
    if operand.version.post[2] == "x" and not _is_bound(operator, operand):
        raise _glued_wildcard(name)
    return Comparator(operator, operand)


def _is_bound(operator: str, operand: Operand) -> bool:
    """Return whether a last `x` is a letter of a version (`<1.1.1x`), not a wildcard without its dot."""
    return operator == "==" or (operator in _BOUNDS and len(operand.version.numbers) >= FULL)


def _operand(text: str, variants: tuple[str, ...]) -> Operand:
    core, variant = split_variant(text, variants)
    parts = _plain_parts(core)
    if parts:
        return _wild(text, parts, variant)
    version = read(text, variants)
    if version.rank:
        return Operand(version)
    parts = _rich_parts(core)
    if not parts:
        raise _not_a_version(text)
    return _wild(text, parts, variant)


def _wild(text: str, parts: tuple[str, str], variant: str) -> Operand:
    head, vendor = parts
    version = read(head) if head else Version(head, vendor=vendor)
    if head and (version.is_opaque or version.has_suffix):
        raise _not_a_version(text)
    return Operand(replace(version, text=text, variant=variant), wild=True)


def _plain_parts(core: str) -> tuple[str, str] | None:
    """Split a numeric partial version with `x` into its numbers and an empty vendor."""
    parts = core.split(".")
    numbers = [part for part in parts if part.isdigit()]
    wildcards = parts[len(numbers) :]
    plain = parts[: len(numbers)] == numbers and _WILDCARDS.issuperset(wildcards)
    return (".".join(numbers), "") if plain and wildcards else None


def _rich_parts(core: str) -> tuple[str, str] | None:
    """Split a partial version that ends in `x` into its prefix or, without a number, its vendor.

    Text after the `x` is ignored.
    """
    from envmgr.versions.patterns import WILDCARD

    if _WILDCARDS.isdisjoint(core):
        return None
    match = WILDCARD.fullmatch(core)
    return (match["head"] or "", match["vendor"] or "") if match else None


def check_word(text: str) -> None:
    """Raise SpecError for a number with an `x` glued to it: a wildcard without its dot, not a name."""
    number = text.removeprefix("v")
    if number[:1].isdigit() and number[-1:] in {"x", "X"} and number[-2].isdigit():
        raise _glued_wildcard(text)


def _glued_wildcard(text: str) -> SpecError:
    numbers = text[:-1].split(".")
    wild = ".".join([*numbers[: FULL - 1], "x"])
    exact = f"; `=={text}` is the version of that name" if text[-1] == "x" else ""
    return SpecError(text, "wildcard without a dot", f"use `{wild}`{exact}")


def _unknown_operator(operator: str, piece: str) -> SpecError:
    hints = {
        "~=": "use `~1.2` for 1.2.x or `^1.2` for 1.x: npm and PEP 440 read `~=` differently",
        "!=": "use `<1.2 || >1.2`",
    }
    hint = hints.get(operator, "valid operators: ^ ~ ~> > >= < <= = ==")
    return SpecError(piece, "unknown operator", hint)


def _not_a_version(text: str) -> SpecError:
    if text.startswith("-"):
        return SpecError(text, "starts with '-'", "put blanks around the dash of a range: `1.2 - 2.0`")
    if text[0] in OPERATOR_CHARACTERS:
        return SpecError(text, "not a valid range bound", "omit the operators, as in `1.2 - 2.0`")
    if not set(text).isdisjoint("<>=^!"):
        return SpecError(text, "missing separator between comparators", "use a blank, a comma or `||`")
    if "|" in text:
        return SpecError(text, "single '|'", "use `||` for alternatives")
    if not _WILDCARDS.isdisjoint(text.split(".")):
        return SpecError(text, "unexpected text after a wildcard")
    return SpecError(text, "not a version")

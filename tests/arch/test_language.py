"""Language rules for names, docstrings, comments and messages (CONTRIBUTING, "Language").

Run as a program, it reports the violations below paths: `python tests/arch/test_language.py src/envmgr/cli tests/unit`.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
TREES = ("src", "tests", "benchmarks", "scripts")
"""Directories of the checkout whose modules follow the rules."""
DATA_DIRECTORIES = frozenset({"_data", "data"})
"""Names of directories with data, which may contain any text."""
EXCEPTIONS = {
    "tests/arch/test_language.py": "lists the banned words, and uses them in examples of violations"
}
"""Modules that do not follow the rules, each with its reason."""

BANNED_NAME_PARTS = frozenset(
    {
        "anew",
        "asked",
        "bury",
        "employ",
        "given",
        "heard",
        "heed",
        "held",
        "hush",
        "kept",
        "nobody",
        "said",
        "shown",
        "somebody",
        "spelled",
        "stands",
        "told",
        "whoever",
        "whom",
        "whose",
        "witness",
    }
)
"""Parts of identifiers: participles without a noun, metaphors, and relative pronouns."""
CLAUSES_IN_TEST_NAMES = frozenset({"kept", "shown", "whose"})
"""Parts that are plain in a test's name, which is a sentence: `test_a_log_is_kept`."""
BANNED_NAMES = frozenset({"each", "found", "one", "what", "which", "who"})
"""Names of variables that do not say what they hold."""

BANNED_WORDS = re.compile(
    r"\b(anew|bury|buries|buried|heeds?|hush|nobody|somebody|everybody|whoever|whom|witness(?:es)?|thereof|besides|"
    r"told|tells?|said|says|stands|stood|of late|none of ours|"
    r"is no [a-z]\w*|there (?:is|are) (?:no|none|nothing)|makes? no sense|means? nothing|in its (?:stead|place)|"
    r"choose anew|decide anew)\b",
    re.IGNORECASE,
)
"""Archaisms, litotes, personified programs and persons without a name, in docstrings, comments and messages."""
CODE_SPAN = re.compile(r"`[^`]*`")
"""Identifiers in texts, which may be names that other programs define."""
MAX_SUMMARY_LENGTH = 100
"""Characters of the first line of a docstring."""
BANNED_OPENERS = re.compile(
    r"(Say|Says|Tell|Tells|Let|Lets|Take|Takes|Give|Gives|Spell|Spells|Hold|Holds|Keep|Keeps|Put|Puts|Make|Makes|"
    r"Turn|Heed|Hear|Look|Stand|Stands|Take note|Write down)\b"
)
"""First words of docstrings that do not say what the caller gets."""
OPENERS_OF_MODULES_AND_CLASSES = re.compile(r"(What|Where|Who|Whoever|How|Whether|Which) ")
"""First words of docstrings of modules and classes, which are noun phrases."""


class Violation(NamedTuple):
    """A place that breaks a rule."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        """Return the place as editors read it."""
        return f"{self.path}:{self.line}: {self.text}"


def violations_in(path: str, source: str) -> Iterator[Violation]:
    """Yield every violation in the source of a module."""
    tree = ast.parse(source)
    docstrings = dict(_docstrings(tree))
    for part in Path(path).with_suffix("").name.split("_"):
        if part in BANNED_NAME_PARTS:
            yield Violation(path, 1, f"module name: {part}")
    for node in ast.walk(tree):
        for line, name, is_variable in _names(node):
            if _is_banned(name, is_variable=is_variable):
                yield Violation(path, line, f"name: {name}")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _text_violations(path, node, docstrings.get(id(node)))
    yield from _comment_violations(path, source)


def _is_banned(name: str, *, is_variable: bool) -> bool:
    parts = set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_"))
    banned = BANNED_NAME_PARTS - CLAUSES_IN_TEST_NAMES if name.startswith("test_") else BANNED_NAME_PARTS
    return bool(parts & banned) or (is_variable and name.strip("_") in BANNED_NAMES)


def _names(node: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Yield the names that a node binds, each with its line, and whether it is a variable's."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.lineno, node.name, False
    elif isinstance(node, ast.arg):
        yield node.lineno, node.arg, True
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.lineno, node.id, True
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.lineno, node.attr, False
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.lineno, node.name, True
    elif isinstance(node, ast.alias) and node.asname:
        yield 0, node.asname, True


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module, by the identity of their nodes, with the kind of their owner."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for index, statement in enumerate(body):
            if not (
                isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str)
            ):
                continue
            first = index == 0 and isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            )
            yield id(statement.value), type(node).__name__ if first else "Attribute"


def _text_violations(path: str, node: ast.Constant, owner: str | None) -> Iterator[Violation]:
    text = str(node.value)
    if match := BANNED_WORDS.search(CODE_SPAN.sub("", text)):
        yield Violation(path, node.lineno, f"words: {match[0]!r} in {text[:60]!r}")
    if owner not in {None, "Attribute"} and len(text.split("\n", 1)[0]) > MAX_SUMMARY_LENGTH:
        yield Violation(path, node.lineno, f"long first line: {text[:60]!r}")
    if owner in {"FunctionDef", "AsyncFunctionDef"} and BANNED_OPENERS.match(text):
        yield Violation(path, node.lineno, f"docstring: {text[:60]!r}")
    if owner in {"Module", "ClassDef"} and (
        OPENERS_OF_MODULES_AND_CLASSES.match(text) or BANNED_OPENERS.match(text)
    ):
        yield Violation(path, node.lineno, f"docstring: {text[:60]!r}")


def _comment_violations(path: str, source: str) -> Iterator[Violation]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := BANNED_WORDS.search(token.string)):
            yield Violation(path, token.start[0], f"words: {match[0]!r} in {token.string[:60]!r}")


def modules(below: str) -> list[str]:
    """Return the modules below a path of the checkout, without data and exceptions."""
    path = CHECKOUT / below
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    names = [file.relative_to(CHECKOUT).as_posix() for file in files if not DATA_DIRECTORIES & {*file.parts}]
    return [name for name in names if name not in EXCEPTIONS]


def all_violations(below: str) -> list[Violation]:
    """Return every violation below a path of the checkout."""
    return [
        violation
        for name in modules(below)
        for violation in violations_in(name, (CHECKOUT / name).read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("tree", TREES)
def test_a_tree_follows_the_language_rules(tree):
    assert modules(tree)
    assert [str(violation) for violation in all_violations(tree)] == []


def test_exceptions_exist():
    assert [name for name in EXCEPTIONS if not (CHECKOUT / name).is_file()] == []


@pytest.mark.parametrize(
    "source",
    [
        "def was_told(): ...",
        "class Witness: ...",
        "def f(whom): ...",
        "def test_the_user_is_told(): ...",
        "def is_kept(): ...",
        "said = 1",
        "for each in []: ...",
        "self.kept = 1",
        "import os as told",
        'def f():\n    """Say whether it is."""',
        'def f():\n    """Return it anew."""',
        'x = f"{y} is no version"',
        '"""What is known."""',
        'class A:\n    """Holds them."""',
        "x = 1  # whoever reads it",
        "# The server says so.",
        'x = "there is no such app"',
        f'def f():\n    """Return {"a" * MAX_SUMMARY_LENGTH}."""',
    ],
)
def test_a_violation_is_reported(source):
    assert list(violations_in("envmgr/module.py", source))


@pytest.mark.parametrize(
    "source",
    [
        "def publish(event): ...",
        "def test_a_lock_whose_tool_is_gone_is_kept(): ...",
        "database.one(query)",
        "def one(statement): ...",
        'def f():\n    """Return whether it is."""',
        '"""HTTP middleware."""',
        'x = f"invalid version {y!r}"',
        'x = "the user `nobody` owns the file"',
        "x = 1  # the limit of the file system",
        f'def f():\n    """Return it.\n\n    {"a" * MAX_SUMMARY_LENGTH}\n    """',
    ],
)
def test_plain_language_is_accepted(source):
    assert not list(violations_in("envmgr/module.py", source))


if __name__ == "__main__":
    reported = [str(violation) for name in sys.argv[1:] or TREES for violation in all_violations(name)]
    print("\n".join([*reported, f"{len(reported)} violations"]))  # noqa: T201 - a report for people

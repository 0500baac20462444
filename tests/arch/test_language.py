"""Language rules for names, docstrings, comments and messages (CONTRIBUTING, "Language").

Run as a program, it reports the violations below paths: `python tests/arch/test_language.py src/envmgr/cli tests/unit`.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHECKOUT = Path(__file__).parents[2]
TREES = ("src", "tests", "benchmarks", "scripts", "integrations")
"""Directories of the checkout whose modules follow the rules."""
DATA_DIRECTORIES = frozenset({"_data", "data"})
"""Names of directories with data, which may contain any text."""
EXCEPTIONS = {
    "tests/arch/test_language.py": "lists the banned words, and uses them in examples of violations",
    "deploy/local/postgresql.sh": "names the system's user `nobody`",
}
"""Files that do not follow the rules, each with its reason."""
GENERATED = "src/envmgr/server/contracts/proto/"
"""Modules generated from `proto/`, whose own words are checked."""

BANNED_NAME_PARTS = frozenset(
    {
        "actives",
        "door",
        "mend",
        "mended",
        "upto",
        "anew",
        "asked",
        "bury",
        "employ",
        "given",
        "heard",
        "heed",
        "held",
        "house",
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
"""Names of variables that do not state what they hold."""
VAGUE_NAMES = frozenset(
    {
        *("answer", "answered", "answers", "known", "letter", "letters", "listed", "moment", "named"),
        *("near", "own", "place", "places", "rest", "wanted"),
    }
)
"""Names of variables that need a noun: a response, an existing entry, a path, a remainder."""
WEAK_NAMES = frozenset({"at_least", "get_once", "ignore_bytes", "list_of", "patience", "set_", "vault"})
"""Names of functions and constants that do not state what they do or hold."""

PREDICATE = re.compile(r"_*(is|has|can|should)_")
"""Prefixes of functions that return a boolean."""
ACTIONS = frozenset(
    {
        *("acquire", "add", "allow", "append", "change", "commit", "confirm", "create", "decline", "delete"),
        *(
            "enqueue",
            "evict",
            "extend",
            "fill",
            "gather",
            "handle",
            "honor",
            "install",
            "mark",
            "number",
            "parse",
        ),
        *("record", "register", "relay", "remove", "revoke", "roll", "run", "set", "syncfs", "try", "unset"),
        *("upsert", "use", "verify", "write"),
    }
)
"""Verbs of functions that do something, and return whether they did."""
PREDICATES_OF_OTHERS = {
    "eof": "a decompressor's attribute, as in the standard library",
    "equal": "becomes `__eq__`",
    "filter_failure": "a hook of Schemathesis",
    "force_flush": "a method of OpenTelemetry's exporters",
    "needs_input": "a decompressor's attribute, as in the standard library",
    "satisfies": "the term for versions and ranges, as in npm",
}
"""Names of functions that return a boolean and follow another rule, each with its reason."""

LONE_PARTICIPLE = re.compile(r"_*[a-z]+(ed|known|found|built|kept|written|held)")
"""A name that states what the result is, where a function's states what it does."""
VERBS_LIKE_PARTICIPLES = frozenset({"embed", "exceed", "feed", "need", "proceed", "seed", "succeed"})

BANNED_WORDS = re.compile(
    r"\b(anew|bury|buries|buried|heeds?|hush|mend(?:s|ed)?|nobody|somebody|everybody|whoever|whom|witness(?:es)?|thereof|besides|"
    r"told|tells?|said|says|stands|stood|of late|none of ours|"
    r"is no (?!longer)[a-z]\w*|there (?:is|are) (?:no|none|nothing)|makes? no sense|means? nothing|"
    r"in its (?:stead|place)|choose anew|decide anew)\b",
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
BANNED_OPENERS_OF_FUNCTIONS = re.compile(r"(Carry|Gather|Hand|Lend|Name|Pass|What)\b")
"""First words of functions' docstrings that are not the standard verb (Relay, Yield, Return, Raise)."""
OPENERS_OF_MODULES_AND_CLASSES = re.compile(r"(What|Where|Who|Whoever|How|Whether|Which) ")
"""First words of docstrings of modules and classes, which are noun phrases."""


SECOND_SENTENCE = re.compile(r"\. +[A-Z`]")
"""End of a sentence in the first line of a docstring, which is one sentence."""

TEXT_FILES = (
    *(
        "*.md",
        "docs",
        "shims",
        "proto",
        "deploy",
        "integrations",
        "templates",
        "action.yml",
        ".github",
        ".ci",
        "Makefile",
        "*.toml",
        "requirements",
    ),
    *("tests/**.sh", "tests/**.sql", "scripts/**.sh", "src/**.sql", "src/**.html", "src/**.mako"),
)
"""Paths, as git reads them, of texts that follow the rules for words."""
TEXT_ENDINGS = frozenset(
    {"", ".bat", ".conf", ".html", ".in", ".mako", ".md", ".proto", ".sh", ".sql", ".toml", ".yaml", ".yml"}
)
"""Endings of files that people write and read; others are data."""
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
"""Blocks of code and output in Markdown."""


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
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = dict(_docstrings(nodes))
    for part in Path(path).with_suffix("").name.split("_"):
        if part in BANNED_NAME_PARTS:
            yield Violation(path, 1, f"module name: {part}")
    for node in nodes:
        for line, name, is_variable in _names(node):
            if _is_banned(name, is_variable=is_variable) or (is_variable and name.strip("_") in VAGUE_NAMES):
                yield Violation(path, line, f"name: {name}")
        if _returns_boolean(node) and not _is_predicate_name(node.name):
            yield Violation(path, node.lineno, f"boolean without is_, has_, can_ or should_: {node.name}")
        if not path.startswith("tests/") and _is_named_by_participle(node):
            yield Violation(path, node.lineno, f"function without a verb: {node.name}")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _text_violations(path, node, docstrings.get(id(node)))
            yield from _second_sentences(path, node, docstrings.get(id(node)))
    if BANNED_WORDS.search(source):
        yield from _comment_violations(path, source)


def _returns_boolean(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.returns, ast.Name)
        and node.returns.id == "bool"
    )


def _is_predicate_name(name: str) -> bool:
    verb = name.strip("_").partition("_")[0]
    return bool(
        PREDICATE.match(name) or name.startswith("__") or verb in ACTIONS or name in PREDICATES_OF_OTHERS
    )


def _is_named_by_participle(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return whether a function, not a property nor a command, is named by a participle alone."""
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.decorator_list
        and LONE_PARTICIPLE.fullmatch(node.name) is not None
        and node.name.strip("_") not in VERBS_LIKE_PARTICIPLES
    )


def _is_banned(name: str, *, is_variable: bool) -> bool:
    parts = set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_"))
    banned = BANNED_NAME_PARTS - CLAUSES_IN_TEST_NAMES if name.startswith("test_") else BANNED_NAME_PARTS
    bare = name.strip("_")
    return bool(parts & banned) or (is_variable and bare in BANNED_NAMES) or name in WEAK_NAMES


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


def _docstrings(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module, by the identity of their nodes, with the kind of their owner."""
    for node in nodes:
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
    if owner in {"FunctionDef", "AsyncFunctionDef"} and (
        BANNED_OPENERS.match(text) or BANNED_OPENERS_OF_FUNCTIONS.match(text)
    ):
        yield Violation(path, node.lineno, f"docstring: {text[:60]!r}")
    if owner in {"Module", "ClassDef"} and (
        OPENERS_OF_MODULES_AND_CLASSES.match(text) or BANNED_OPENERS.match(text)
    ):
        yield Violation(path, node.lineno, f"docstring: {text[:60]!r}")


def _second_sentences(path: str, node: ast.Constant, owner: str | None) -> Iterator[Violation]:
    summary = str(node.value).split("\n", 1)[0]
    if owner not in {None, "Attribute"} and SECOND_SENTENCE.search(summary):
        yield Violation(path, node.lineno, f"two sentences: {summary[:60]!r}")


def _comment_violations(path: str, source: str) -> Iterator[Violation]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := BANNED_WORDS.search(token.string)):
            yield Violation(path, token.start[0], f"words: {match[0]!r} in {token.string[:60]!r}")


def text_violations(path: str, text: str) -> Iterator[Violation]:
    """Yield every banned word in a document, script or configuration, code aside."""
    prose = FENCE.sub(_blank_lines, text) if path.endswith(".md") else text
    for number, line in enumerate(prose.splitlines(), 1):
        if match := BANNED_WORDS.search(CODE_SPAN.sub("", line)):
            yield Violation(path, number, f"words: {match[0]!r} in {line.strip()[:60]!r}")


def _blank_lines(block: re.Match[str]) -> str:
    return "\n" * block[0].count("\n")


def texts() -> list[str]:
    """Return the committed documents, scripts and configurations."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *TEXT_FILES]
    listing = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    return [
        name
        for name in listing.split("\0")
        if name
        and Path(name).suffix in TEXT_ENDINGS
        and name not in EXCEPTIONS
        and (CHECKOUT / name).is_file()
    ]


def modules(below: str) -> list[str]:
    """Return the modules below a path of the checkout, without data and exceptions."""
    path = CHECKOUT / below
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    names = [file.relative_to(CHECKOUT).as_posix() for file in files if not DATA_DIRECTORIES & {*file.parts}]
    return [name for name in names if name not in EXCEPTIONS and not name.startswith(GENERATED)]


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


def test_documents_and_configurations_use_plain_words():
    assert len(texts()) > 20
    reported = [
        str(violation)
        for name in texts()
        for violation in text_violations(name, (CHECKOUT / name).read_text(encoding="utf-8"))
    ]
    assert reported == []


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
        "answer = 1",
        "def f(place): ...",
        "def get_once(): ...",
        "def matches(x) -> bool: ...",
        "def merged(a, b): ...",
        "async def _verified(token): ...",
        'def f():\n    """Return it. Raise an error."""',
        'def f():\n    """Lend it."""',
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
        "def is_match(x) -> bool: ...",
        "def merge_fields(x): ...",
        "def seed(x): ...",
        "class A:\n    @property\n    def known(self): ...",
        "def try_acquire() -> bool: ...",
        "def satisfies(x) -> bool: ...",
        'x = "it is no longer there"',
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


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("docs/a.md", "The server says so.\n", 1),
        ("docs/a.md", "```\n$ say says\n```\nRun `tell` now.\n", 0),
        ("deploy/a.sh", "# whoever runs it\nls\n", 1),
        ("proto/a.proto", "// An app.\n", 0),
    ],
)
def test_words_of_a_text_are_checked_without_its_code(path, text, count):
    assert len(list(text_violations(path, text))) == count


if __name__ == "__main__":
    reported = [str(violation) for name in sys.argv[1:] or TREES for violation in all_violations(name)]
    print("\n".join([*reported, f"{len(reported)} violations"]))  # noqa: T201 - a report for people

"""Aliases and non-version specs: `latest`, user and tool aliases, `path:`, `ref:` and others."""

from __future__ import annotations

from envmgr.versions.comparator import OPERATOR_CHARACTERS, check, check_word
from envmgr.versions.errors import SpecError, WordError
from envmgr.versions.spec import parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LATEST = "latest"
_MAX_ALIAS_DEPTH = 10
_REFS = ("ref", "tag", "branch", "rev")
_ALIAS_PREFIXES = ("latest", "prefix")
PREFIXES = ("path", *_REFS, *_ALIAS_PREFIXES)
"""Words before a colon that make a text a spec."""
_VALID_PREFIXES = ", ".join(f"{kind}:" for kind in PREFIXES)
_REF_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+@=-")


def classify(spec: str) -> tuple[str, str]:
    """Return the kind of a spec and its name.

    The kind is `version` (the name is the spec), `system` (without a name), `ref`, `tag`, `branch`, `rev` or `path`
    (the name follows the colon). Raise SpecError for an invalid one. Single words are versions: their meaning
    depends on the tool's releases.
    """
    text = spec.strip(" \t")
    source = parse_source_spec(text)
    if source:
        return source
    check(text)
    check_word(text)
    if is_compound(text):
        parse_spec(text)
    return ("version", text)


def parse_source_spec(text: str) -> tuple[str, str] | None:
    """Return the kind and name of a spec that is not resolved against releases."""
    if text == "system":
        return ("system", "")
    kind, colon, name = text.partition(":")
    if colon and kind == "path":
        return ("path", _path(text, name))
    if colon and kind in _REFS:
        return (kind, _ref(text, name))
    if colon and kind not in _ALIAS_PREFIXES:
        raise SpecError(text, f"unknown prefix {kind}:", f"valid prefixes: {_VALID_PREFIXES}")
    return None


def resolve_aliases(
    spec: str, aliases: Mapping[str, str] | None = None, user_aliases: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the chain of aliases from a spec to its meaning, the spec first.

    The chain of `stable` ends in `latest`. Raise WordError for a loop or a chain that is too long.
    """
    words = [spec.strip(" \t")]
    while True:
        after = _meaning(words[-1], aliases or {}, user_aliases or {})
        if after is None:
            return tuple(words)
        if after in words:
            raise WordError((*words, after), "alias loop")
        if len(words) > _MAX_ALIAS_DEPTH:
            raise WordError(tuple(words), f"more than {_MAX_ALIAS_DEPTH} aliases in a row")
        words.append(after)


def _meaning(word: str, aliases: Mapping[str, str], user_aliases: Mapping[str, str]) -> str | None:
    if word in user_aliases:
        return user_aliases[word].strip(" \t")
    if word == LATEST:
        return None
    if word == "stable":
        return LATEST
    if word in aliases:
        return aliases[word].strip(" \t")
    kind, colon, name = word.partition(":")
    if colon and kind in _ALIAS_PREFIXES:
        if not name.strip(" \t"):
            raise SpecError(word, "empty after ':'")
        return name.strip(" \t")
    return None


def is_compound(text: str) -> bool:
    """Return whether a spec is more than one word, which excludes aliases, vendors and opaque names."""
    return len(text.split()) > 1 or not set(text).isdisjoint(f"{OPERATOR_CHARACTERS},|")


def _path(text: str, path: str) -> str:
    if not path:
        raise SpecError(text, "missing path")
    if not path.isprintable():
        is_byte = any("\ud800" <= character <= "\udfff" for character in path)
        raise SpecError(text, "path is not UTF-8" if is_byte else "control character in path")
    return path


def _ref(text: str, name: str) -> str:
    if not name:
        raise SpecError(text, "missing ref")
    if name.startswith("-") or ".." in name or not _REF_CHARACTERS.issuperset(name):
        raise SpecError(text, "not a valid git ref", "omit leading '-', '..', blanks and shell characters")
    return name
